/* SPDX-License-Identifier: BSD-2-Clause
 * One photograph: read, turned upright, judged, coloured, written with its profile and metadata. */
#include "work.h"

#include <stdlib.h>

#include "profile.h"
#include "tint.h"

bool fail_status(complaint *c, colorizer *from, int32_t status) {
    char detail[400];
    uint64_t length = colorizer_last_error(from, detail, sizeof detail);
    return fail(c, "%s%s%s", colorizer_strerror(status), length > 0 ? ": " : "", length > 0 ? detail : "");
}

/** What is known of a photograph besides its pixels. */
typedef struct source {
    picture photo; /* upright */
    metadata *with;
    int bits;        /* of a sample in the file */
    bool transposed; /* columns and rows have changed places */
    profile_use use;
} source;

static void source_free(source *s) {
    metadata_close(s->with);
    picture_free(&s->photo);
}

/* ---------------------------------------------------------------- in */

static bool turn_upright(source *s, complaint *c) {
    picture *p = &s->photo;
    int orientation = p->orientation > 0 ? p->orientation : metadata_orientation(s->with);
    if (p->density[0] <= 0.0 || p->density[1] <= 0.0) metadata_density(s->with, p->density);
    s->transposed = orientation >= 5;
    return picture_turn(p, orientation, c);
}

static bool is_gray_enough(const source *s, const options *o, complaint *c) {
    if (o->force) return true;
    double unexplained = tint_unexplained(&s->photo);
    if (unexplained < 0.0) return fail(c, "not enough memory");
    return unexplained <= TINT_COLOURED || fail(c, "it has colours already; --force replaces them");
}

static bool prepare(source *s, const uint8_t *bytes, size_t size, const job *j, const options *o, complaint *c) {
    if (!codec_decode(bytes, size, j->input, &s->photo, c)) return false;
    s->with = metadata_open(bytes, size, &s->photo, c);
    s->bits = s->photo.bits;
    if (metadata_has_manifest(bytes, size))
        warn(c, "its C2PA manifest (Content Credentials) does not hold for the coloured picture and is left out");
    if (!turn_upright(s, c) || !profile_read(&s->photo, &s->use, c)) return false;
    return is_gray_enough(s, o, c);
}

static bool read_source(source *s, const job *j, const options *o, complaint *c) {
    uint8_t *bytes = NULL;
    size_t size = 0;
    *s = (source){0};
    if (!file_read(j->input, &bytes, &size, c)) return false;
    bool ok = prepare(s, bytes, size, j, o, c);
    free(bytes);
    if (!ok) source_free(s);
    return ok;
}

/* ---------------------------------------------------------------- out */

/** Colours `from` into `to`, which becomes a picture of `bits` bits, or stays float where a profile waits. */
static bool colour(const worker *w, source *s, int bits, picture *to, complaint *c) {
    picture *from = &s->photo;
    int channels = from->channels % 2 == 0 ? 4 : 3;
    bool converted = s->use == PROFILE_CONVERTED;
    if (!picture_make(from->width, from->height, channels, converted ? 32 : bits, to, c)) return false;
    colorizer_image in = picture_image(from);
    if (s->use == PROFILE_KEPT) {
        to->space = from->space;
        from->space = (space){0};
    } else if (from->space.transfer == COLORIZER_TRANSFER_LINEAR && bits == 32 && from->icc.size == 0) {
        to->space.transfer = COLORIZER_TRANSFER_LINEAR;
    }
    to->density[0] = from->density[0];
    to->density[1] = from->density[1];
    colorizer_image out = picture_image(to);
    int32_t status = colorizer_colorize(w->handle, &in, &out);
    if (status != COLORIZER_OK) return fail_status(c, w->handle, status);
    if (*w->caught) return fail(c, "interrupted");
    to->icc = from->icc;
    from->icc = (blob){0};
    free(from->pixels); /* its size is all that is still wanted */
    from->pixels = NULL;
    return true;
}

/** Back into the profile. */
static bool convert_back(picture *p, int bits, complaint *c) {
    picture out;
    if (!profile_from_srgb(p, bits, &out, c)) {
        picture_free(&out);
        return false;
    }
    free(p->pixels);
    p->pixels = out.pixels;
    p->bits = bits;
    return true;
}

/** Metadata go through gexiv2; without it the mark alone goes into formats whose library writes XMP. */
static bool describe(const worker *w, source *s, const codec *format, picture *to, complaint *c) {
    if (!metadata_update(s->with, to, s->transposed, w->mark, c)) return false;
    if (format->no_iptc) metadata_iptc_to_xmp(s->with, c);
    if (format->boxes && s->with != NULL) return metadata_to_boxes(s->with, to, c);
    if (s->with != NULL || w->mark == NULL) return true;
    if (!format->writes_xmp)
        warn(c, "not marked as coloured by a model: this build writes no XMP into %s", format->name);
    return !format->writes_xmp || mark_packet(w->mark, &to->xmp, c);
}

static bool write_coloured(const worker *w, source *s, const job *j, complaint *c) {
    int bits = s->bits < j->format->bits ? s->bits : j->format->bits;
    picture to = {0};
    if (s->bits > bits) warn(c, "%d-bit samples become %d-bit ones: %s holds no more", s->bits, bits, j->format->name);
    bool ok = colour(w, s, bits, &to, c) && (s->use != PROFILE_CONVERTED || convert_back(&to, bits, c)) &&
              describe(w, s, j->format, &to, c) && file_write(j->output, &to, j->format, s->with, w->options, c);
    picture_free(&to);
    return ok;
}

static bool write_confidence(const worker *w, const source *s, const job *j, complaint *c) {
    const options *o = w->options;
    const codec *format = o->format != NULL ? o->format : codec_for_output(o->confidence);
    picture gray;
    if (format == NULL) format = j->format; /* --format same */
    if (!picture_make(s->photo.width, s->photo.height, 1, 8, &gray, c)) return false;
    colorizer_image image = picture_image(&gray);
    int32_t status = colorizer_confidence(w->handle, &image);
    bool ok = status == COLORIZER_OK ? file_write(o->confidence, &gray, format, NULL, o, c)
                                     : fail_status(c, w->handle, status);
    picture_free(&gray);
    return ok;
}

/* ---------------------------------------------------------------- the whole */

static bool do_job(const worker *w, const job *j, progress *p, complaint *c) {
    const options *o = w->options;
    source s;
    if (!file_may_write(j->output, j->input, o->overwrite, c)) return false;
    if (o->confidence != NULL && !file_may_write(o->confidence, j->input, o->overwrite, c)) return false;
    if (!read_source(&s, j, o, c)) return false;
    bool ok = !*w->caught && write_coloured(w, &s, j, c) && (o->confidence == NULL || write_confidence(w, &s, j, c));
    if (ok) progress_done(p, s.photo.width, s.photo.height);
    source_free(&s);
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
