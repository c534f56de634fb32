/* SPDX-License-Identifier: BSD-2-Clause
 * Turned upright, its profile read, its metadata taken along. */
#include "photograph.h"

#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "space.h"

void photograph_free(photograph *p) {
    metadata_close(p->with);
    picture_free(&p->picture);
    *p = (photograph){0};
}

/* ---------------------------------------------------------------- in */

static bool turn_upright(photograph *to, complaint *c) {
    picture *p = &to->picture;
    int orientation = p->orientation > 0 ? p->orientation : metadata_orientation(to->with);
    if (p->density[0] <= 0.0 || p->density[1] <= 0.0) metadata_density(to->with, p->density);
    if (!picture_turn(p, orientation, c)) return false;
    metadata_update(to->with, p, orientation >= 5);
    return true;
}

static bool decode(const uint8_t *bytes, size_t size, const char *name, photograph *out, complaint *c) {
    if (!codec_decode(bytes, size, name, &out->picture, c)) return false;
    out->with = metadata_open(bytes, size, &out->picture, c);
    out->bits = out->picture.bits;
    out->has_mark = metadata_has_mark(out->with, bytes, size, &out->picture);
    if (metadata_has_manifest(bytes, size))
        warn(c, "its C2PA manifest (Content Credentials) does not hold for the coloured picture and is left out");
    return turn_upright(out, c) && profile_read(&out->picture, &out->use, c);
}

bool photograph_read(const char *path, photograph *out, complaint *c) {
    uint8_t *bytes = NULL;
    size_t size = 0;
    *out = (photograph){0};
    if (!file_read(path, &bytes, &size, c)) return false;
    bool ok = decode(bytes, size, path, out, c);
    free(bytes);
    if (!ok) photograph_free(out);
    return ok;
}

/* ---------------------------------------------------------------- out */

static int depth(const photograph *p, const codec *format) { return p->bits < format->bits ? p->bits : format->bits; }

/** In the photograph's space, or in sRGB; a converted one stays float until it is in its profile again. */
bool photograph_canvas(const photograph *p, const codec *format, picture *out, complaint *c) {
    const picture *from = &p->picture;
    int channels = from->channels % 2 == 0 ? 4 : 3, bits = depth(p, format);
    if (p->bits > bits) warn(c, "%d-bit samples become %d-bit ones: %s holds no more", p->bits, bits, format->name);
    if (channels == 4 && !format->has_alpha) warn(c, "its transparency is left out: %s has none", format->name);
    if (!picture_make(from->width, from->height, channels, p->use == PROFILE_CONVERTED ? 32 : bits, out, c))
        return false;
    memcpy(out->density, from->density, sizeof out->density);
    if (p->use == PROFILE_KEPT) return space_copy(&out->space, &from->space) || fail(c, "not enough memory");
    if (from->space.transfer == COLORIZER_TRANSFER_LINEAR && bits == 32 && from->icc.size == 0)
        out->space.transfer = COLORIZER_TRANSFER_LINEAR;
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
static bool describe(photograph *p, const destination *to, picture *coloured, complaint *c) {
    if (!metadata_mark(p->with, to->mark, c)) return false;
    if (to->format->no_iptc) metadata_iptc_to_xmp(p->with, c);
    if (to->format->boxes && p->with != NULL) return metadata_to_boxes(p->with, coloured, c);
    if (p->with != NULL || to->mark == NULL) return true;
    if (!to->format->writes_xmp)
        warn(c, "not marked as coloured by a model: this build writes no XMP into %s", to->format->name);
    return !to->format->writes_xmp || mark_packet(to->mark, &coloured->xmp, c);
}

bool photograph_write(photograph *p, picture *coloured, const destination *to, complaint *c) {
    if (!blob_copy(&coloured->icc, p->picture.icc.bytes, p->picture.icc.size)) return fail(c, "not enough memory");
    return (p->use != PROFILE_CONVERTED || convert_back(coloured, depth(p, to->format), c)) &&
           describe(p, to, coloured, c) &&
           file_write(to->path, coloured, to->format, to->quality, p->with, to->overwrite, c);
}
