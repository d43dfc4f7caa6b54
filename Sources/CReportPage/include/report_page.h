#ifndef INFLUENCEKIT_REPORT_PAGE_H
#define INFLUENCEKIT_REPORT_PAGE_H

#include <stddef.h>
#include <stdint.h>

// The files of the folder `page`, which the report's page is made of, as bytes of the binary. A file is called by its
// place in the list of report_page.c; bytes are given one at a time, so that Swift reads them without a pointer.

// The number of files.
size_t influence_report_file_count(void);

// The byte at `index` of a file's name, which ends with 0.
uint8_t influence_report_file_name_byte(size_t file, size_t index);

// The number of bytes of a file.
size_t influence_report_file_size(size_t file);

// The byte at `index` of a file, which is less than its number of bytes.
uint8_t influence_report_file_byte(size_t file, size_t index);

#endif
