/* SPDX-License-Identifier: BSD-2-Clause
 * Which file becomes which, and writing so that a half-written picture is never seen. */
#ifndef FILES_H
#define FILES_H

#include "codec.h"
#include "metadata.h"
#include "options.h"

/** One picture to do. Both names are owned; "-" is standard input or output. */
typedef struct job {
    char *input;
    char *output;
    const codec *format;
    bool may_resume;     /* an output that is there and not older than its input is done */
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

/** Whether `output` is a file, not the input itself, and not older than it: outputs are never seen half-written. */
bool file_is_done(const char *output, const char *input);

/** Encodes the picture beside `path`, adds the metadata (NULL: none) and renames it into place; a failure leaves no
 *  trace. */
bool file_write(const char *path, const picture *p, const codec *format, metadata *with, const options *o,
                complaint *c);

/** Removes the unfinished file, if there is one. May be called from a signal handler. */
void file_remove_unfinished(void);

#endif
