/* SPDX-License-Identifier: BSD-2-Clause
 * The command `colorizer`: files in, coloured files out, through the public library alone. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files.h"
#include "options.h"
#include "picture.h"
#include "progress.h"

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

static bool fail_status(complaint *c, colorizer *from, int32_t status) {
    char detail[400];
    uint64_t length = colorizer_last_error(from, detail, sizeof detail);
    return fail(c, "%s%s%s", colorizer_strerror(status), length > 0 ? ": " : "", length > 0 ? detail : "");
}

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

/* ---------------------------------------------------------------- one picture */

static bool write_confidence(const picture *like, const options *o, complaint *c) {
    picture gray;
    if (!picture_make(like->width, like->height, 1, &gray, c)) return false;
    colorizer_image image = picture_image(&gray);
    int32_t status = colorizer_confidence(handle, &image);
    file_format format = o->format != FORMAT_BY_NAME ? o->format : picture_format_of(o->confidence);
    bool ok = status == COLORIZER_OK ? file_write(o->confidence, &gray, format, o, c) : fail_status(c, handle, status);
    picture_free(&gray);
    return ok;
}

static bool colorize(const picture *from, const job *j, const options *o, complaint *c) {
    bool alpha = from->channels % 2 == 0;
    picture to;
    if (!picture_make(from->width, from->height, alpha ? 4 : 3, &to, c)) return false;
    colorizer_image source = picture_image(from), target = picture_image(&to);
    int32_t status = colorizer_colorize(handle, &source, &target);
    bool ok = status == COLORIZER_OK || fail_status(c, handle, status);
    ok = ok && !caught && file_write(j->output, &to, j->format, o, c);
    picture_free(&to);
    return ok && (o->confidence == NULL || write_confidence(from, o, c));
}

static bool do_job(const job *j, const options *o, progress *p, complaint *c) {
    uint8_t *bytes = NULL;
    size_t size = 0;
    picture photo;
    if (j->refusal != NULL) return fail(c, "%s", j->refusal);
    if (!file_may_write(j->output, j->input, o->overwrite, c)) return false;
    if (o->confidence != NULL && !file_may_write(o->confidence, j->input, o->overwrite, c)) return false;
    if (!file_read(j->input, &bytes, &size, c)) return false;
    bool ok = picture_decode(bytes, size, j->input, &photo, c);
    free(bytes);
    if (!ok) return false;
    ok = !caught && colorize(&photo, j, o, c);
    if (ok) progress_done(p, photo.width, photo.height);
    picture_free(&photo);
    return ok;
}

static int do_jobs(const job_list *list, const options *o) {
    progress p;
    size_t done = 0, failed = 0;
    progress_open(&p, o->json, list->count);
    (void)colorizer_set_progress(handle, on_progress, &p);
    for (size_t i = 0; i < list->count && !caught; i++) {
        complaint c = {""};
        progress_begin(&p, &list->jobs[i]);
        bool ok = do_job(&list->jobs[i], o, &p, &c);
        if (ok)
            done++;
        else
            failed++;
        if (!ok) progress_failed(&p, caught ? "interrupted" : c.text);
    }
    progress_close(&p, done, failed);
    return failed > 0 || caught ? EXIT_SOME_FAILED : EXIT_DONE;
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
    if (status != COLORIZER_OK) return fail_status(c, NULL, status);
    return configure(handle, o, c);
}

static int leave(int code, const complaint *c) {
    if (c->text[0] != '\0') (void)fprintf(stderr, "colorizer: %s\n", c->text);
    colorizer_close(handle);
    return code;
}

int main(int argc, char **argv) {
    static options o;
    complaint c = {""};
    job_list list = {0};
    int code;
    if (!options_parse(&o, argc, argv, &code)) return code;
    if (o.workspace) return leave(print_workspace(&o, &c) ? EXIT_DONE : EXIT_SOME_FAILED, &c);
    if (!jobs_plan(&o, &list, &c)) return leave(EXIT_USAGE, &c);
    if (!open_handle(&o, &c)) {
        jobs_free(&list);
        return leave(EXIT_SOME_FAILED, &c);
    }
    watch_signals(true);
    code = do_jobs(&list, &o);
    watch_signals(false);
    jobs_free(&list);
    (void)leave(code, &c);
    if (caught) (void)raise(caught); /* so that a shell sees how it ended */
    return code;
}
