#include "gunzip.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

struct job {
  int source;
  int target;
  z_stream stream;
  unsigned char packed[1 << 16];
  unsigned char unpacked[1 << 16];
};

// Whether all bytes could be written: nobody may be reading any more.
static int give(struct job *job, const unsigned char *bytes, size_t count) {
  while (count > 0) {
    ssize_t step = write(job->target, bytes, count);
    if (step < 0 && errno == EINTR) continue;
    if (step <= 0) return 0;
    bytes += step;
    count -= (size_t)step;
  }
  return 1;
}

// The number of packed bytes at hand, after reading some more if there were none; 0 at the end, -1 where
// the system fails.
static int refill(struct job *job) {
  if (job->stream.avail_in > 0) return (int)job->stream.avail_in;
  ssize_t step;
  do {
    step = read(job->source, job->packed, sizeof job->packed);
  } while (step < 0 && errno == EINTR);
  job->stream.next_in = job->packed;
  job->stream.avail_in = step > 0 ? (uInt)step : 0;
  return (int)step;
}

// Behind a member: whether another begins, in `more`. Tapes pad with zeros, which say nothing.
static enum influence_gunzip_end between(struct job *job, int *more) {
  *more = 0;
  int padded = 0;
  for (;;) {
    int count = refill(job);
    if (count < 0) return influence_gunzip_unreadable;
    if (count == 0) return influence_gunzip_whole;
    if (*job->stream.next_in != 0) break;
    padded = 1;
    job->stream.next_in++;
    job->stream.avail_in--;
  }
  if (padded || *job->stream.next_in != 0x1F) return influence_gunzip_garbage;
  *more = 1;
  return influence_gunzip_whole;
}

// Unpacks one member, as long as somebody reads (`heard`).
static enum influence_gunzip_end member(struct job *job, int is_first, int *heard) {
  for (;;) {
    int count = refill(job);
    if (count < 0) return influence_gunzip_unreadable;
    if (count == 0) return influence_gunzip_cut_short;
    job->stream.next_out = job->unpacked;
    job->stream.avail_out = sizeof job->unpacked;
    int code = inflate(&job->stream, Z_NO_FLUSH);
    size_t made = sizeof job->unpacked - job->stream.avail_out;
    if (made > 0 && !give(job, job->unpacked, made)) {
      *heard = 0;
      return influence_gunzip_whole;
    }
    switch (code) {
    case Z_OK:
    case Z_BUF_ERROR: break;
    case Z_STREAM_END: return influence_gunzip_whole;
    case Z_MEM_ERROR: return influence_gunzip_unreadable;
    default:
      // Behind a whole member, what does not even begin as one is no damaged member.
      return !is_first && job->stream.total_out == 0 ? influence_gunzip_garbage
                                                     : influence_gunzip_damaged;
    }
  }
}

static void *unpack(void *opaque) {
  struct job *job = opaque;
  // Where nobody reads any more, writing shall fail, not end the process.
  sigset_t pipe_signal;
  sigemptyset(&pipe_signal);
  sigaddset(&pipe_signal, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe_signal, NULL);

  int heard = 1;
  int more = 1;
  enum influence_gunzip_end end = influence_gunzip_whole;
  for (int is_first = 1; more && heard && end == influence_gunzip_whole; is_first = 0) {
    end = member(job, is_first, &heard);
    if (!heard || end != influence_gunzip_whole) break;
    end = between(job, &more);
    if (inflateReset(&job->stream) != Z_OK) end = influence_gunzip_unreadable;
  }
  unsigned char last = (unsigned char)end;
  if (heard) give(job, &last, 1);
  inflateEnd(&job->stream);
  close(job->source);
  close(job->target);
  free(job);
  return NULL;
}

int influence_gunzip(int source) {
  struct job *job = calloc(1, sizeof *job);
  if (job == NULL) return -1;
  int ends[2] = {-1, -1};
  job->source = fcntl(source, F_DUPFD_CLOEXEC, 0);
  // 16 for a header of gzip, 15 for the largest window.
  if (job->source >= 0 && inflateInit2(&job->stream, 16 + 15) == Z_OK) {
    if (pipe(ends) == 0) {
      fcntl(ends[0], F_SETFD, FD_CLOEXEC);
      fcntl(ends[1], F_SETFD, FD_CLOEXEC);
      job->target = ends[1];
      pthread_t thread;
      if (pthread_create(&thread, NULL, unpack, job) == 0) {
        pthread_detach(thread);
        return ends[0];
      }
      close(ends[0]);
      close(ends[1]);
    }
    inflateEnd(&job->stream);
  }
  if (job->source >= 0) close(job->source);
  free(job);
  return -1;
}
