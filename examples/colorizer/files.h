/* SPDX-License-Identifier: BSD-2-Clause
 * Which file becomes which, and writing so that a half-written picture is never seen. */
#ifndef FILES_H
#define FILES_H

#include "picture.h"

/** One picture to do. Both names are owned; "-" is standard input or output. */
typedef struct job {
    char *input;
    char *output;
    file_format format;
    const char *refusal; /* why it cannot be done, known before any work; or NULL */
} job;

typedef struct job_list {
    job *jobs;
    size_t count;
} job_list;

/** Lists the work. False with a usage complaint, or when memory ran out. */
bool jobs_plan(const options *o, job_list *out, complaint *c);
void jobs_free(job_list *list);

/** Reads a file, or standard input for "-", whole. */
bool file_read(const char *path, uint8_t **bytes, size_t *size, complaint *c);

/** Refuses an output that exists (unless `overwrite`) or is something else than a file. `input` may be NULL. */
bool file_may_write(const char *path, const char *input, bool overwrite, complaint *c);

/** Writes the picture beside `path` and renames it into place; a failure leaves no trace. */
bool file_write(const char *path, const picture *p, file_format format, const options *o, complaint *c);

/** Removes the unfinished file, if there is one. May be called from a signal handler. */
void file_remove_unfinished(void);

#endif
