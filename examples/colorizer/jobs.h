/* SPDX-License-Identifier: BSD-2-Clause
 * Which file becomes which. */
#ifndef JOBS_H
#define JOBS_H

#include "codec.h"
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

#endif
