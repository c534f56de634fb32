/* SPDX-License-Identifier: BSD-2-Clause
 * One photograph: read, judged, coloured, written. */
#include "work.h"

#include <stdlib.h>

#include "files.h"
#include "photograph.h"
#include "tint.h"

bool fail_status(complaint *c, colorizer *from, int32_t status) {
    char detail[400];
    uint64_t length = colorizer_last_error(from, detail, sizeof detail);
    return fail(c, "%s%s%s", colorizer_strerror(status), length > 0 ? ": " : "", length > 0 ? detail : "");
}

static bool is_gray_enough(const photograph *p, const options *o, complaint *c) {
    if (o->force || p->picture.channels < 3) return true;
    if (p->has_mark) return fail(c, "libcolorizer coloured it, as its XMP says; --force replaces the colours");
    double unexplained = tint_unexplained(&p->picture);
    if (unexplained < 0.0) return fail(c, "not enough memory");
    return unexplained <= TINT_COLOURED || fail(c, "it has colours already; --force replaces them");
}

static void tell_useless_hints(const photograph *p, const options *o, complaint *c) {
    const int width = p->picture.width, height = p->picture.height;
    for (uint32_t i = 0; i < o->hint_count; i++) {
        const float x = o->hints[i].x, y = o->hints[i].y;
        if (x < (float)width && y < (float)height) continue;
        warn(c, "the hint at %g,%g does nothing: the picture has %d x %d pixels", (double)(x - 0.5f),
             (double)(y - 0.5f), width, height);
    }
}

static bool colour(const worker *w, photograph *p, picture *to, complaint *c) {
    colorizer_image in = picture_image(&p->picture), out = picture_image(to);
    int32_t status = colorizer_colorize(w->handle, &in, &out);
    if (status != COLORIZER_OK) return fail_status(c, w->handle, status);
    if (*w->caught) return fail(c, "interrupted");
    free(p->picture.pixels); /* its size is all that is still wanted */
    p->picture.pixels = NULL;
    return true;
}

static bool write_coloured(const worker *w, photograph *p, const job *j, complaint *c) {
    const options *o = w->options;
    const destination to = {j->output, j->format, o->quality, o->overwrite, w->mark};
    picture coloured = {0};
    bool ok = photograph_canvas(p, j->format, &coloured, c) && colour(w, p, &coloured, c) &&
              photograph_write(p, &coloured, &to, c);
    picture_free(&coloured);
    return ok;
}

static bool write_confidence(const worker *w, const photograph *p, const job *j, complaint *c) {
    const options *o = w->options;
    const codec *format = o->format != NULL ? o->format : codec_for_output(o->confidence);
    picture gray;
    file_id coloured, there;
    if (file_identify(j->output, &coloured) && file_identify(o->confidence, &there) && file_is_same(&coloured, &there))
        return fail(c, "%s is the coloured picture itself; --confidence wants another name", o->confidence);
    if (format == NULL) format = j->format; /* --format same */
    if (!picture_make(p->picture.width, p->picture.height, 1, 8, &gray, c)) return false;
    colorizer_image image = picture_image(&gray);
    int32_t status = colorizer_confidence(w->handle, &image);
    bool ok = status == COLORIZER_OK ? file_write(o->confidence, &gray, format, o->quality, NULL, o->overwrite, c)
                                     : fail_status(c, w->handle, status);
    picture_free(&gray);
    return ok;
}

static bool do_job(const worker *w, const job *j, progress *p, complaint *c) {
    const options *o = w->options;
    photograph photo;
    if (!file_may_write(j->output, j->input, o->overwrite, c)) return false;
    if (o->confidence != NULL && !file_may_write(o->confidence, j->input, o->overwrite, c)) return false;
    if (!photograph_read(j->input, &photo, c)) return false;
    tell_useless_hints(&photo, o, c);
    bool ok = is_gray_enough(&photo, o, c) && !*w->caught && write_coloured(w, &photo, j, c) &&
              (o->confidence == NULL || write_confidence(w, &photo, j, c));
    if (ok) progress_done(p, photo.picture.width, photo.picture.height);
    photograph_free(&photo);
    return ok;
}

result work_on(const worker *w, const job *j, progress *p, complaint *c) {
    if (j->refusal != NULL) {
        (void)fail(c, "%s", j->refusal);
        return WORK_FAILED;
    }
    if (j->may_resume && !w->options->overwrite && file_is_done(j->output, j->input)) return WORK_SKIPPED;
    return do_job(w, j, p, c) ? WORK_DONE : WORK_FAILED;
}
