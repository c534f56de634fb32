/* SPDX-License-Identifier: BSD-2-Clause
 * What the user sees on standard error: a bar on a terminal, JSON lines with --json, only failures otherwise. */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "jobs.h"

typedef struct progress {
    bool json;
    bool bar;
    size_t count;
    size_t index;   /* of the job under way, from 1 */
    const job *job; /* under way */
    double begun;   /* seconds */
    double shown;   /* when the last line was written */
} progress;

void progress_open(progress *p, bool json, size_t count);
void progress_begin(progress *p, const job *j);
void progress_step(progress *p, double fraction);
void progress_done(progress *p, int width, int height);
void progress_skipped(progress *p);
/** One or more lines, each ended by '\n'. */
void progress_warned(progress *p, const char *lines);
void progress_failed(progress *p, const char *message);
/** The last line of several files' work. */
void progress_close(progress *p, size_t done, size_t skipped, size_t failed);

#endif
