#include "report_page.h"

// Compilers since 2024 know #embed in every dialect of C, and warn where it is not C23. They copy a file as it stands,
// which takes no time that can be measured.
#pragma clang diagnostic ignored "-Wc23-extensions"

static const uint8_t page[] = {
#embed "page/page.mustache"
};
static const uint8_t queries[] = {
#embed "page/queries.mustache"
};
static const uint8_t article[] = {
#embed "page/article.mustache"
};
static const uint8_t card[] = {
#embed "page/card.mustache"
};
static const uint8_t item[] = {
#embed "page/item.mustache"
};
static const uint8_t suspects[] = {
#embed "page/suspects.mustache"
};
static const uint8_t suspect[] = {
#embed "page/suspect.mustache"
};
static const uint8_t duplicates[] = {
#embed "page/duplicates.mustache"
};
static const uint8_t trust[] = {
#embed "page/trust.mustache"
};
static const uint8_t provenance[] = {
#embed "page/provenance.mustache"
};
static const uint8_t table[] = {
#embed "page/table.mustache"
};
static const uint8_t text[] = {
#embed "page/text.mustache"
};
static const uint8_t experiment[] = {
#embed "page/experiment.mustache"
};
static const uint8_t style[] = {
#embed "page/style.css"
};
static const uint8_t layout[] = {
#embed "page/layout.css"
};
static const uint8_t mustache[] = {
#embed "page/mustache.js"
};
static const uint8_t script[] = {
#embed "page/report.js"
};
static const uint8_t theme[] = {
#embed "page/theme.js"
};

struct file {
  const char *name;
  const uint8_t *bytes;
  size_t size;
};

static const struct file files[] = {
    {"page.mustache", page, sizeof page},
    {"queries.mustache", queries, sizeof queries},
    {"article.mustache", article, sizeof article},
    {"card.mustache", card, sizeof card},
    {"item.mustache", item, sizeof item},
    {"suspects.mustache", suspects, sizeof suspects},
    {"suspect.mustache", suspect, sizeof suspect},
    {"duplicates.mustache", duplicates, sizeof duplicates},
    {"trust.mustache", trust, sizeof trust},
    {"provenance.mustache", provenance, sizeof provenance},
    {"table.mustache", table, sizeof table},
    {"text.mustache", text, sizeof text},
    {"experiment.mustache", experiment, sizeof experiment},
    {"style.css", style, sizeof style},
    {"layout.css", layout, sizeof layout},
    {"mustache.js", mustache, sizeof mustache},
    {"report.js", script, sizeof script},
    {"theme.js", theme, sizeof theme},
};

size_t influence_report_file_count(void) { return sizeof files / sizeof files[0]; }

uint8_t influence_report_file_name_byte(size_t file, size_t index) {
  return (uint8_t)files[file].name[index];
}

size_t influence_report_file_size(size_t file) { return files[file].size; }

uint8_t influence_report_file_byte(size_t file, size_t index) { return files[file].bytes[index]; }
