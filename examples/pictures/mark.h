/* SPDX-License-Identifier: BSD-2-Clause
 * What an output says about how it was made: IPTC's digital source type, the model and its hash, the settings. */
#ifndef MARK_H
#define MARK_H

#include "picture.h"

/** What names this library as the one that made the colours; its version follows. */
#define MARK_SYSTEM "libcolorizer "

/** How many properties of the IPTC extension schema the mark has. */
enum { MARK_PROPERTIES = 3 };
typedef struct mark {
    struct {
        const char *name; /* of namespace Iptc4xmpExt */
        char value[256];
    } property[MARK_PROPERTIES];
    char software[64];  /* the agent of the event in the history (xmpMM:History) */
    char settings[512]; /* its parameters */
} mark;

/** Describes what `handle`, as it is set, does to a photograph with so many hints. `model` is its file; NULL: built in.
 */
bool mark_make(mark *out, colorizer *handle, const char *model, uint32_t hints, complaint *c);

/** The mark alone as an XMP packet. */
bool mark_packet(const mark *m, blob *xmp, complaint *c);

#endif
