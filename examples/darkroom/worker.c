/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker.h"

#include <stdlib.h>

#include <SDL_events.h>
#include <SDL_mutex.h>
#include <SDL_thread.h>
#include <SDL_timer.h>

struct worker {
    colorizer *c; /* the thread's, but for colorizer_cancel() */
    Uint32 event;
    SDL_Thread *thread;
    SDL_mutex *lock;
    SDL_cond *change;
    task *waiting; /* under the lock, as is quit */
    bool quit;
    photo *seen_photo; /* what c has analyzed, with which edits; NULL: nothing */
    edits seen;
};

double ms_since(Uint64 begin) {
    return (double)(SDL_GetPerformanceCounter() - begin) * 1e3 / (double)SDL_GetPerformanceFrequency();
}

/* ---------------------------------------------------------------- tasks */

task *task_make(task_kind kind, photo *p, const edits *e) {
    task *t = calloc(1, sizeof *t);
    if (t == NULL) return NULL;
    t->kind = kind;
    t->photo = photo_keep(p);
    t->edits = *e;
    t->asked = SDL_GetPerformanceCounter();
    return t;
}

void task_free(task *t) {
    if (t == NULL) return;
    photo_drop(t->photo);
    free(t->rgb);
    free(t->output);
    free(t);
}

/* ---------------------------------------------------------------- colorizing */

static int32_t set_hints(colorizer *c, const edits *e) {
    colorizer_hint hints[COLORIZER_MAX_HINTS];
    for (size_t i = 0; i < e->count; i++)
        hints[i] = (colorizer_hint){.struct_size = sizeof hints[i],
                                    .x = e->hints[i].x,
                                    .y = e->hints[i].y,
                                    .radius = e->hints[i].radius,
                                    .space = COLORIZER_HINT_AB,
                                    .a = e->hints[i].a,
                                    .b = e->hints[i].b};
    return colorizer_set_hints(c, hints, (uint32_t)e->count);
}

/** Asks the network, unless it has been asked the same: a change of strength only renders again. */
static int32_t analyze(worker *w, task *t) {
    if (w->seen_photo == t->photo && edits_ask_the_same(&w->seen, &t->edits)) return COLORIZER_OK;
    const Uint64 begin = SDL_GetPerformanceCounter();
    photo_drop(w->seen_photo);
    w->seen_photo = NULL;
    int32_t status = set_hints(w->c, &t->edits);
    if (status == COLORIZER_OK) status = colorizer_set_f(w->c, COLORIZER_KEY_VIVIDNESS, (double)t->edits.vividness);
    const colorizer_image seen = picture_image(&t->photo->preview);
    if (status == COLORIZER_OK) status = colorizer_analyze(w->c, &seen);
    if (status != COLORIZER_OK) return status;
    w->seen_photo = photo_keep(t->photo); /* kept, so that its address is not another photograph's */
    w->seen = t->edits;
    t->analyze_ms = ms_since(begin);
    return COLORIZER_OK;
}

/** What was found in the preview colours a picture of any size. */
static int32_t render(worker *w, task *t, const picture *from, const picture *to) {
    const Uint64 begin = SDL_GetPerformanceCounter();
    const colorizer_image src = picture_image(from), dst = picture_image(to);
    const colorizer_region whole = {.struct_size = sizeof whole, .frame_width = src.width, .frame_height = src.height};
    int32_t status = colorizer_set_f(w->c, COLORIZER_KEY_STRENGTH, (double)t->edits.strength);
    if (status == COLORIZER_OK) status = colorizer_render(w->c, &src, &dst, &whole);
    t->render_ms = ms_since(begin);
    return status;
}

static int32_t preview(worker *w, task *t) {
    const picture *from = &t->photo->preview;
    picture to;
    if (!picture_make(from->width, from->height, 3, 8, &to, &t->said)) return COLORIZER_OK;
    const int32_t status = render(w, t, from, &to);
    if (status == COLORIZER_OK)
        t->rgb = to.pixels;
    else
        picture_free(&to);
    return status;
}

/** The file is what the command would have written. */
static int32_t save_as(worker *w, task *t, bool overwrite) {
    photo *p = t->photo;
    mark made;
    picture to = {0};
    const destination where = {
        .path = t->output, .format = codec_by_name("png"), .quality = 100, .overwrite = overwrite, .mark = &made};
    int32_t status = COLORIZER_OK;
    if (mark_make(&made, w->c, NULL, (uint32_t)t->edits.count, &t->said) &&
        photograph_canvas(&p->full, where.format, &to, &t->said)) {
        status = render(w, t, &p->full.picture, &to);
        if (status == COLORIZER_OK) (void)photograph_write(&p->full, &to, &where, &t->said);
    }
    picture_free(&to);
    return status;
}

/** Into the first name that is free, or that still holds what the last save left: nobody else's file is replaced. */
static int32_t save(worker *w, task *t) {
    photo *p = t->photo;
    file_id there;
    (void)fail(&t->said, "%s: all names for it are taken", p->name);
    for (int number = 1; number < 1000; number++) {
        free(t->output);
        t->output = photo_output(p, number);
        if (t->output == NULL) return COLORIZER_E_MEMORY;
        const bool taken = file_identify(t->output, &there), ours = taken && file_is_same(&there, &p->saved);
        if (taken && !ours) continue;
        t->said.text[0] = '\0';
        const int32_t status = save_as(w, t, ours);
        if (status != COLORIZER_OK) return status;
        const bool done = t->said.text[0] == '\0', is_there = file_identify(t->output, &there);
        if (done) p->saved = there;
        if (done || ours || !is_there) return COLORIZER_OK; /* else the name was taken meanwhile */
    }
    return COLORIZER_OK;
}

static int32_t suggest(worker *w, task *t) {
    for (int i = 0; i < SUGGESTIONS; i++) t->suggestion[i].struct_size = sizeof t->suggestion[i];
    return colorizer_suggest(w->c, t->x, t->y, t->suggestion, SUGGESTIONS, &t->suggestions);
}

static void work(worker *w, task *t) {
    char detail[256];
    int32_t status = analyze(w, t);
    if (status == COLORIZER_OK)
        status = t->kind == TASK_SUGGEST ? suggest(w, t) : t->kind == TASK_SAVE ? save(w, t) : preview(w, t);
    if (status == COLORIZER_OK) return;
    colorizer_last_error(w->c, detail, sizeof detail);
    (void)fail(&t->said, "%s: %s", colorizer_strerror(status), detail);
}

/* ---------------------------------------------------------------- the thread */

/** Waits for a task; NULL: it is time to end. */
static task *take(worker *w) {
    SDL_LockMutex(w->lock);
    while (w->waiting == NULL && !w->quit) SDL_CondWait(w->change, w->lock);
    task *t = w->waiting;
    w->waiting = NULL;
    SDL_UnlockMutex(w->lock);
    return t;
}

static int run(void *user) {
    worker *w = user;
    for (task *t; (t = take(w)) != NULL;) {
        work(w, t);
        SDL_Event done = {.user = {.type = w->event, .data1 = t}};
        if (SDL_PushEvent(&done) != 1) task_free(t);
    }
    return 0;
}

static void free_worker(worker *w) {
    colorizer_close(w->c);
    photo_drop(w->seen_photo);
    task_free(w->waiting);
    SDL_DestroyCond(w->change);
    SDL_DestroyMutex(w->lock);
    free(w);
}

worker *worker_start(colorizer *c, Uint32 event) {
    worker *w = calloc(1, sizeof *w);
    if (w == NULL) {
        colorizer_close(c);
        return NULL;
    }
    w->c = c;
    w->event = event;
    w->lock = SDL_CreateMutex();
    w->change = SDL_CreateCond();
    if (w->lock != NULL && w->change != NULL) w->thread = SDL_CreateThread(run, "colorizer", w);
    if (w->thread != NULL) return w;
    free_worker(w);
    return NULL;
}

void worker_ask(worker *w, task *t) {
    SDL_LockMutex(w->lock);
    task *replaced = w->waiting;
    w->waiting = t;
    SDL_CondSignal(w->change);
    SDL_UnlockMutex(w->lock);
    task_free(replaced);
}

void worker_stop(worker *w, bool finish) {
    if (w == NULL) return;
    SDL_LockMutex(w->lock);
    task *dropped = finish ? NULL : w->waiting;
    if (!finish) w->waiting = NULL;
    w->quit = true;
    SDL_CondSignal(w->change);
    SDL_UnlockMutex(w->lock);
    task_free(dropped);
    if (!finish) colorizer_cancel(w->c);
    SDL_WaitThread(w->thread, NULL);
    free_worker(w);
}
