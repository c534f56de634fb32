/* SPDX-License-Identifier: BSD-2-Clause
 * A thread with a colorizer of its own. The newest task wins: one that waits is replaced, one that runs is finished, so
 * that the picture follows the mouse. */
#ifndef WORKER_H
#define WORKER_H

#include <SDL_stdinc.h>

#include "edits.h"
#include "photo.h"

enum { SUGGESTIONS = 5 };

typedef enum {
    TASK_PREVIEW, /* the preview's pixels */
    TASK_SAVE,    /* the whole photograph into a file beside it */
    TASK_SUGGEST  /* the most probable colours at x, y */
} task_kind;

/** Goes to the worker as a question and comes back as the answer. */
typedef struct task {
    photo *photo;
    edits edits;
    task_kind kind;
    float x, y;
    uint32_t serial;              /* tells the newest question of its kind */
    Uint64 asked;                 /* SDL_GetPerformanceCounter() of the user's action */
    uint8_t *rgb;                 /* the preview's pixels, rows without gaps; else NULL */
    char *output;                 /* the file that a save made or tried to make; else NULL */
    double analyze_ms, render_ms; /* analyze_ms is 0 when what was found before still served */
    colorizer_suggestion suggestion[SUGGESTIONS];
    uint32_t suggestions; /* how many there are */
    complaint said;       /* the warnings, and why it failed */
} task;

/** @return NULL when there is no memory. Owns a reference to `p`. */
task *task_make(task_kind kind, photo *p, const edits *e);
void task_free(task *t); /* NULL does nothing */

typedef struct worker worker;

/** Takes `c`. Answers come as SDL events of type `event`, the task in user.data1. @return NULL with `c` closed. */
worker *worker_start(colorizer *c, Uint32 event);

/** Takes the task. */
void worker_ask(worker *w, task *t);

/** Ends the thread and closes the colorizer. What runs is cancelled; or, when `finish`, done, and what waits too. */
void worker_stop(worker *w, bool finish); /* NULL does nothing */

/** Milliseconds since a count of SDL_GetPerformanceCounter(). */
double ms_since(Uint64 begin);

#endif
