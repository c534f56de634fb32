/* SPDX-License-Identifier: BSD-2-Clause
 * The table of file formats. */
#include "codec.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* What the libraries call themselves; build flags HAVE_... and their versions come from meson. */
static const struct {
    const char *name;
    const char *version; /* NULL: not in this build */
    const char *gives;
} libraries[] = {
    {"libpng", LIBPNG, "16-bit PNG, its profile and resolution"},
    {"libjpeg", LIBJPEG, "profile and resolution in JPEG"},
    {"libtiff", LIBTIFF, "TIFF"},
    {"libwebp", LIBWEBP, "WebP"},
    {"libjxl", LIBJXL, "JPEG XL"},
    {"lcms2", LCMS2, "colour profiles"},
    {"gexiv2", GEXIV2, "EXIF, XMP, IPTC, orientation"},
};

static const codec *const codecs[] = {
#ifdef HAVE_PNG
    &codec_png,
#else
    &codec_stb_png,
#endif
#ifdef HAVE_JPEG
    &codec_jpeg,
#else
    &codec_stb_jpeg,
#endif
#ifdef HAVE_TIFF
    &codec_tiff,
#endif
#ifdef HAVE_WEBP
    &codec_webp,
#endif
#ifdef HAVE_JXL
    &codec_jxl,
#endif
    &codec_pnm,  &codec_stb_bmp, &codec_stb_tga,
};

enum { CODECS = sizeof codecs / sizeof *codecs };

static const char *ending_of(const char *path) {
    const char *slash = strrchr(path, '/');
    const char *dot = strrchr(slash ? slash + 1 : path, '.');
    return dot ? dot + 1 : "";
}

static bool is_called(const codec *k, const char *name) {
    if (strcasecmp(name, k->name) == 0) return true;
    for (const char *const *other = k->endings; *other != NULL; other++)
        if (strcasecmp(name, *other) == 0) return true;
    return false;
}

const codec *codec_by_name(const char *format) {
    for (size_t i = 0; i < CODECS; i++)
        if (codecs[i]->write != NULL && is_called(codecs[i], format)) return codecs[i];
    return NULL;
}

const codec *codec_for_output(const char *path) { return codec_by_name(ending_of(path)); }

bool codec_readable_name(const char *path) {
    for (size_t i = 0; i < CODECS; i++)
        if (is_called(codecs[i], ending_of(path))) return true;
    return false;
}

bool codec_decode(const uint8_t *bytes, size_t size, const char *name, picture *out, complaint *c) {
    *out = (picture){0};
    if (size == 0) return fail(c, "the file is empty");
    for (size_t i = 0; i < CODECS; i++)
        if (codecs[i]->probe != NULL && codecs[i]->probe(bytes, size)) return codecs[i]->read(bytes, size, out, c);
    for (size_t i = 0; i < CODECS; i++)
        if (codecs[i]->probe == NULL && is_called(codecs[i], ending_of(name)))
            return codecs[i]->read(bytes, size, out, c);
    return fail(c, "not a picture that this build reads (colorizer --version lists the formats)");
}

void codec_print_formats(void) {
    (void)fputs("reads:  ", stdout);
    for (size_t i = 0; i < CODECS; i++) (void)printf(" %s", codecs[i]->name);
    (void)fputs("\nwrites: ", stdout);
    for (size_t i = 0; i < CODECS; i++)
        if (codecs[i]->write != NULL) (void)printf(" %s/%d", codecs[i]->name, codecs[i]->bits);
    (void)fputc('\n', stdout);
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++)
        if (libraries[i].version != NULL)
            (void)printf("with %s %s: %s\n", libraries[i].name, libraries[i].version, libraries[i].gives);
        else
            (void)printf("without %s: no %s\n", libraries[i].name, libraries[i].gives);
}
