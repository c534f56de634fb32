/* SPDX-License-Identifier: BSD-2-Clause
 * One photograph from file to file. */
#ifndef WORK_H
#define WORK_H

#include <signal.h>

#include "mark.h"
#include "progress.h"

typedef struct worker {
    colorizer *handle;
    const options *options;
    const mark *mark;                    /* NULL: outputs are not marked */
    const volatile sig_atomic_t *caught; /* a signal asks to stop */
} worker;

typedef enum result { WORK_DONE, WORK_SKIPPED, WORK_FAILED } result;

/** Does a job. Warnings and, when it failed, the reason are in c. */
result work_on(const worker *w, const job *j, progress *p, complaint *c);

/** The status of a call on `from` as a complaint; returns false. */
bool fail_status(complaint *c, colorizer *from, int32_t status);

#endif
