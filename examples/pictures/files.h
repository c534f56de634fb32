/* SPDX-License-Identifier: BSD-2-Clause
 * Reading files, and writing them so that a half-written picture is never seen. */
#ifndef FILES_H
#define FILES_H

#include "codec.h"
#include "metadata.h"

/** Reads a file, or standard input for "-", whole. */
bool file_read(const char *path, uint8_t **bytes, size_t *size, complaint *c);

/** Refuses an output that exists (unless `overwrite`) or is something else than a file. `input` may be NULL. */
bool file_may_write(const char *path, const char *input, bool overwrite, complaint *c);

/** Whether `output` is a file, not the input itself, and not older than it: outputs are never seen half-written. */
bool file_is_done(const char *output, const char *input);

/** What tells a file, as it was left, from any other: its device, its number there, its last change. All 0: of none. */
typedef struct file_id {
    uint64_t device, number;
    int64_t seconds, nanoseconds;
} file_id;

/** Whether there is something called so, if only a link to nothing; then `out` is what. */
bool file_identify(const char *path, file_id *out);
bool file_is_same(const file_id *one, const file_id *other);

/** Encodes the picture, `quality` 1..100, beside `path`, adds the metadata (NULL: none) and renames it into place; a
 *  failure leaves no trace. One at a time in a program. */
bool file_write(const char *path, const picture *p, const codec *format, int quality, metadata *with, bool overwrite,
                complaint *c);

/** Removes the unfinished file, if there is one. May be called from a signal handler. */
void file_remove_unfinished(void);

#endif
