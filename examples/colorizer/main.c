/* SPDX-License-Identifier: BSD-2-Clause
 * The command `colorizer`: files in, coloured files out, through the public library alone. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files.h"
#include "work.h"

/* ---------------------------------------------------------------- interruption */

static colorizer *handle; /* written before the handler is installed, and after it is taken away */
static volatile sig_atomic_t caught;

/** The first signal lets the call under way end and the program tidy up; a second one does not wait for that. */
static void on_signal(int number) {
    if (caught) {
        file_remove_unfinished();
        _exit(128 + number);
    }
    caught = number;
    colorizer_cancel(handle);
}

static void watch_signals(bool watch) {
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = watch ? on_signal : SIG_DFL};
    (void)sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct sigaction before;
        if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN) /* nohup stays in force */
            (void)sigaction(numbers[i], &action, NULL);
    }
}

/* ---------------------------------------------------------------- the library */

static bool configure(colorizer *to, const options *o, complaint *c) {
    int32_t status = COLORIZER_OK;
    if (o->size > 0) status = colorizer_set_i(to, COLORIZER_KEY_SIZE, o->size);
    if (status == COLORIZER_OK && o->strength >= 0.0) status = colorizer_set_f(to, COLORIZER_KEY_STRENGTH, o->strength);
    if (status == COLORIZER_OK && o->vividness >= 0.0)
        status = colorizer_set_f(to, COLORIZER_KEY_VIVIDNESS, o->vividness);
    if (status == COLORIZER_OK) status = colorizer_set_hints(to, o->hints, o->hint_count);
    return status == COLORIZER_OK || fail_status(c, to, status);
}

static colorizer_options library_options(const options *o) {
    return (colorizer_options){.struct_size = sizeof(colorizer_options), .threads = o->threads};
}

static int32_t on_progress(void *user, float fraction) {
    progress_step(user, fraction);
    return caught != 0;
}

/* ---------------------------------------------------------------- all pictures */

static int do_jobs(const job_list *list, const options *o, const mark *made) {
    const worker w = {handle, o, made, &caught};
    size_t count[3] = {0, 0, 0}; /* by result */
    progress p;
    progress_open(&p, o->json, list->count);
    (void)colorizer_set_progress(handle, on_progress, &p);
    for (size_t i = 0; i < list->count && !caught; i++) {
        complaint c = {"", ""};
        progress_begin(&p, &list->jobs[i]);
        result r = work_on(&w, &list->jobs[i], &p, &c);
        count[r]++;
        progress_warned(&p, c.warnings);
        if (r == WORK_SKIPPED) progress_skipped(&p);
        if (r == WORK_FAILED) progress_failed(&p, caught ? "interrupted" : c.text);
    }
    progress_close(&p, count[WORK_DONE], count[WORK_SKIPPED], count[WORK_FAILED]);
    return count[WORK_FAILED] > 0 || caught ? EXIT_SOME_FAILED : EXIT_DONE;
}

/* ---------------------------------------------------------------- the whole */

/** Reads a model to an aligned block, as colorizer_workspace_size() wants it. */
static bool read_model(const char *path, void **block, size_t *size, complaint *c) {
    uint8_t *bytes;
    if (!file_read(path, &bytes, size, c)) return false;
    *block = aligned_alloc(64, (*size + 63) / 64 * 64 + 64);
    if (*block != NULL) memcpy(*block, bytes, *size);
    free(bytes);
    return *block != NULL || fail(c, "not enough memory");
}

static bool print_workspace(const options *o, complaint *c) {
    colorizer_options with = library_options(o);
    void *model = NULL;
    size_t size = 0;
    uint64_t bytes = 0;
    if (o->model != NULL && !read_model(o->model, &model, &size, c)) return false;
    int32_t status =
        colorizer_workspace_size(model, size, &with, o->workspace_width, o->workspace_height, o->size, &bytes);
    free(model);
    if (status != COLORIZER_OK) return fail_status(c, NULL, status);
    return printf("%llu\n", (unsigned long long)bytes) > 0 && fflush(stdout) == 0;
}

static bool open_handle(const options *o, complaint *c) {
    colorizer_options with = library_options(o);
    int32_t status = colorizer_open(&handle, o->model, &with);
    if (status == COLORIZER_OK) return configure(handle, o, c);
    complaint why;
    (void)fail_status(&why, NULL, status);
    return fail(c, "%s: %s", o->model != NULL ? o->model : "built-in model", why.text);
}

static int leave(int code, const complaint *c) {
    if (c->text[0] != '\0') (void)fprintf(stderr, "colorizer: %s\n", c->text);
    colorizer_close(handle);
    return code;
}

int main(int argc, char **argv) {
    static options o;
    mark made;
    complaint c = {"", ""};
    job_list list = {0};
    int code;
    if (!options_parse(&o, argc, argv, &code)) return code;
    if (o.workspace) return leave(print_workspace(&o, &c) ? EXIT_DONE : EXIT_SOME_FAILED, &c);
    if (!jobs_plan(&o, &list, &c)) return leave(EXIT_USAGE, &c);
    if (!open_handle(&o, &c) || (!o.no_mark && !mark_make(&made, handle, o.model, o.hint_count, &c))) {
        jobs_free(&list);
        return leave(EXIT_SOME_FAILED, &c);
    }
    watch_signals(true);
    code = do_jobs(&list, &o, o.no_mark ? NULL : &made);
    watch_signals(false);
    jobs_free(&list);
    (void)leave(code, &c);
    if (caught) (void)raise(caught); /* so that a shell sees how it ended */
    return code;
}
