/* SPDX-License-Identifier: BSD-2-Clause
 * File formats. Each is one row of the table in codec.c; where two serve one format the first that is built counts. */
#ifndef CODEC_H
#define CODEC_H

#include "picture.h"

typedef struct codec {
    const char *name;       /* for --format; the ending that files get */
    const char *endings[4]; /* others by which a file's name asks for it, without dot; ends with NULL */
    int bits;               /* the most a sample may have when it is written: 8, 16 or 32 */
    bool has_alpha;         /* alpha is kept when written */
    bool writes_xmp;        /* picture.xmp goes into the file */
    bool no_iptc;           /* the format has no place for IPTC */
    bool boxes;             /* read and write carry EXIF and XMP; else metadata.c finds and puts them in the file */
    /** Whether the bytes begin as such a file does. NULL: nothing marks it, only its name. */
    bool (*probe)(const uint8_t *bytes, size_t size);
    /** Decodes. Warnings go to c. On failure nothing is left in `out` that picture_free does not take. */
    bool (*read)(const uint8_t *bytes, size_t size, picture *out, complaint *c);
    /** Encodes samples of at most `bits` bits, with profile, density, exif and xmp where the format has a place.
     *  `quality` 1..100. NULL: not written here. */
    bool (*write)(const picture *p, int quality, blob *out, complaint *c);
} codec;

/** Decodes a file's bytes. `name` decides only about formats without a mark of their own. */
bool codec_decode(const uint8_t *bytes, size_t size, const char *name, picture *out, complaint *c);

/** The codec that writes the format, by its name or by a file's ending; NULL when there is none in this build. */
const codec *codec_by_name(const char *format);
const codec *codec_for_output(const char *path);

/** Whether the name's ending is that of a format read here. */
bool codec_readable_name(const char *path);

/** Prints what is read and written, and which optional libraries are in. */
void codec_print_formats(void);

extern const codec codec_png, codec_jpeg, codec_tiff, codec_webp, codec_jxl, codec_pnm, codec_stb_jpeg, codec_stb_png,
    codec_stb_bmp, codec_stb_tga;

#endif
