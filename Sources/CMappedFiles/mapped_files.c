#define _GNU_SOURCE

#include "mapped_files.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

// Ranges are never freed, only used again, so that the handler can walk the list at any moment.
struct range {
  struct range *next;
  _Atomic uintptr_t start; // 0: unused
  atomic_size_t count;
  char *_Atomic path;
};

static struct range *_Atomic ranges = NULL;
static const char *_Atomic lost = NULL;
static int ends[2] = {-1, -1};
static int exit_status = 1;
static struct sigaction before;

void *influence_mapped(const void *start, size_t count, const char *path) {
  char *copy = strdup(path);
  if (copy == NULL) return NULL;
  struct range *range = atomic_load(&ranges);
  for (; range != NULL; range = range->next) {
    // A start of 1 is nobody's, and in nobody's range: it reserves.
    uintptr_t unused = 0;
    if (atomic_compare_exchange_strong(&range->start, &unused, 1)) break;
  }
  if (range == NULL) {
    range = calloc(1, sizeof *range);
    if (range == NULL) {
      free(copy);
      return NULL;
    }
    atomic_store(&range->start, 1);
    struct range *first = atomic_load(&ranges);
    do {
      range->next = first;
    } while (!atomic_compare_exchange_weak(&ranges, &first, range));
  }
  atomic_store(&range->count, count);
  atomic_store(&range->path, copy);
  atomic_store(&range->start, (uintptr_t)start);
  return range;
}

void influence_unmapped(void *opaque) {
  struct range *range = opaque;
  if (range == NULL) return;
  // Nobody reads a mapped page while its map ends, so that no handler can be looking at the path.
  char *path = atomic_exchange(&range->path, NULL);
  atomic_store(&range->count, 0);
  atomic_store(&range->start, 0);
  free(path);
}

static const char *path_of(uintptr_t address) {
  for (struct range *range = atomic_load(&ranges); range != NULL; range = range->next) {
    uintptr_t start = atomic_load(&range->start);
    if (start > 1 && address >= start && address - start < atomic_load(&range->count))
      return atomic_load(&range->path);
  }
  return NULL;
}

static void say(const char *text) {
  size_t length = strlen(text);
  while (length > 0) {
    ssize_t step = write(STDERR_FILENO, text, length);
    if (step <= 0) return;
    text += step;
    length -= (size_t)step;
  }
}

static void page_is_lost(int number, siginfo_t *info, void *context) {
  (void)context;
  const char *path = path_of((uintptr_t)info->si_addr);
  if (path == NULL) {
    // Not ours: the instruction runs again, and meets what was there before.
    sigaction(number, &before, NULL);
    return;
  }
  const char *none = NULL;
  if (atomic_compare_exchange_strong(&lost, &none, path)) {
    char byte = 0;
    (void)!write(ends[1], &byte, 1);
  }
  // The process is ended by whoever reads the other end. That may be waiting for this thread.
  struct timespec moment = {0, 100000000};
  for (int tick = 0; tick < 50; tick++) nanosleep(&moment, NULL);
  say("error: ");
  say(atomic_load(&lost));
  say(": the file was cut short or its disk failed while it was read\n");
  _exit(exit_status);
}

int influence_watch_mapped_files(int status) {
  if (ends[0] >= 0) return ends[0];
  if (pipe(ends) != 0) return -1;
  fcntl(ends[0], F_SETFD, FD_CLOEXEC);
  fcntl(ends[1], F_SETFD, FD_CLOEXEC);
  exit_status = status;
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = page_is_lost;
  action.sa_flags = SA_SIGINFO;
  sigemptyset(&action.sa_mask);
  if (sigaction(SIGBUS, &action, &before) != 0) return -1;
  return ends[0];
}

const char *influence_lost_file(void) { return atomic_load(&lost); }
