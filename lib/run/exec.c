/* SPDX-License-Identifier: BSD-2-Clause */
#include "run/exec.h"

/** One cz_exec_for() in flight: threads draw ranges from `next` until none is left. */
typedef struct {
    const cz_exec *exec;
    atomic_size_t next;
    size_t units, grain;
    cz_range_fn fn;
    void *context;
} work;

bool cz_exec_cancelled(const cz_exec *x) {
    return x->cancel != NULL && atomic_load_explicit(x->cancel, memory_order_relaxed) != 0;
}

static void draw(void *context, uint32_t slot) {
    work *w = context;
    for (;;) {
        const size_t begin = atomic_fetch_add_explicit(&w->next, w->grain, memory_order_relaxed);
        if (begin >= w->units || cz_exec_cancelled(w->exec)) return;
        w->fn(w->context, begin, cz_min(begin + w->grain, w->units), slot);
    }
}

bool cz_exec_for(const cz_exec *x, size_t units, size_t grain, cz_range_fn fn, void *context) {
    const uint32_t threads = x->runner == NULL ? 1 : x->threads;
    /* Four ranges a thread: enough to even out, few enough that drawing them costs nothing. */
    if (grain == 0) grain = cz_max(1, units / (4 * (size_t)threads));
    if (threads == 1 && units <= 4) grain = units; /* one thread's few units may share work */
    work w = {.exec = x, .units = units, .grain = grain, .fn = fn, .context = context};
    atomic_init(&w.next, 0);
    if (threads == 1 || units <= grain)
        draw(&w, 0);
    else
        x->runner(x->user, draw, &w, (uint32_t)cz_min(threads, cz_ceil_div(units, grain)));
    return !cz_exec_cancelled(x);
}
