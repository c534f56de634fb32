/* SPDX-License-Identifier: BSD-2-Clause
 * What the user has asked for, and how it came about: undo and redo. */
#ifndef EDITS_H
#define EDITS_H

#include <stdbool.h>
#include <stddef.h>

#include <colorizer/colorizer.h>

/** A hint. Places are in pixels of the preview, the colour is CIELAB a, b. */
typedef struct hint {
    float x, y, radius;
    float a, b;
} hint;

typedef struct edits {
    hint hints[COLORIZER_MAX_HINTS];
    size_t count;
    float vividness, strength;
} edits;

/** Whether the network would be asked the same: the strength does not count. */
bool edits_ask_the_same(const edits *x, const edits *y);

/** @return the new hint's index, or -1 when there is no room for one. */
int edits_add(edits *e, hint m);
void edits_remove(edits *e, int index);

enum { HISTORY_STEPS = 100 };

/** A line of states, oldest first; `at` is the present one. */
typedef struct history {
    edits steps[HISTORY_STEPS];
    size_t count, at;
} history;

void history_begin(history *h, const edits *first);

/** Makes `now` a step of its own, unless it is the present one. What had been undone is forgotten. */
void history_commit(history *h, const edits *now);

/** Goes back (-1) or forth (+1) and sets `now`. @return false at either end. */
bool history_go(history *h, int direction, edits *now);

#endif
