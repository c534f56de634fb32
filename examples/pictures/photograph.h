/* SPDX-License-Identifier: BSD-2-Clause
 * A photograph from its file, and the coloured one into another with all that the first one said. */
#ifndef PHOTOGRAPH_H
#define PHOTOGRAPH_H

#include "codec.h"
#include "metadata.h"
#include "profile.h"

typedef struct photograph {
    picture picture; /* upright; as in the file, or float sRGB where `use` says that it is converted */
    metadata *with;  /* those of the coloured one, but for its mark; or NULL */
    int bits;        /* of a sample in the file */
    bool has_mark;   /* the file says that this library made its colours */
    profile_use use;
} photograph;

/** Reads a file, or standard input for "-". Freed by photograph_free, unless this failed. */
bool photograph_read(const char *path, photograph *out, complaint *c);
void photograph_free(photograph *p);

/** Makes the picture for the colours: of the photograph's size and meaning of samples, as deep as `format` allows, with
 *  alpha where the photograph has it. Freed by picture_free, even when this failed. */
bool photograph_canvas(const photograph *p, const codec *format, picture *out, complaint *c);

/** Where a coloured picture goes, and how. */
typedef struct destination {
    const char *path;
    const codec *format;
    int quality; /* 1..100 */
    bool overwrite;
    const mark *mark; /* NULL: none */
} destination;

/** Writes what photograph_canvas() made and the library coloured, with the photograph's profile and metadata, as
 *  file_write() does. Neither the photograph's pixels nor its space are needed any more; the photograph may be written
 *  again, each time with the mark of that time. */
bool photograph_write(photograph *p, picture *coloured, const destination *to, complaint *c);

#endif
