/* SPDX-License-Identifier: BSD-2-Clause */
#include "edits.h"

#include <string.h>

static bool same_hint(const hint *x, const hint *y) {
    return x->x == y->x && x->y == y->y && x->radius == y->radius && x->a == y->a && x->b == y->b;
}

bool edits_ask_the_same(const edits *x, const edits *y) {
    if (x->count != y->count || x->vividness != y->vividness) return false;
    for (size_t i = 0; i < x->count; i++)
        if (!same_hint(&x->hints[i], &y->hints[i])) return false;
    return true;
}

int edits_add(edits *e, hint m) {
    if (e->count == COLORIZER_MAX_HINTS) return -1;
    e->hints[e->count] = m;
    return (int)e->count++;
}

void edits_remove(edits *e, int index) {
    const size_t i = (size_t)index;
    if (index < 0 || i >= e->count) return;
    e->count--;
    memmove(&e->hints[i], &e->hints[i + 1], (e->count - i) * sizeof e->hints[0]);
}

void history_begin(history *h, const edits *first) {
    h->steps[0] = *first;
    h->count = 1;
    h->at = 0;
}

void history_commit(history *h, const edits *now) {
    const edits *last = &h->steps[h->at];
    if (edits_ask_the_same(last, now) && last->strength == now->strength) return;
    if (h->at + 1 == HISTORY_STEPS)
        memmove(&h->steps[0], &h->steps[1], (HISTORY_STEPS - 1) * sizeof h->steps[0]);
    else
        h->at++;
    h->steps[h->at] = *now;
    h->count = h->at + 1;
}

bool history_go(history *h, int direction, edits *now) {
    if (direction < 0 ? h->at == 0 : h->at + 1 >= h->count) return false;
    h->at = direction < 0 ? h->at - 1 : h->at + 1;
    *now = h->steps[h->at];
    return true;
}
