/* SPDX-License-Identifier: BSD-2-Clause
 * EXIF, XMP and IPTC from the photograph to the coloured picture, through gexiv2. Without gexiv2 there is never any. */
#ifndef METADATA_H
#define METADATA_H

#include "mark.h"
#include "picture.h"

typedef struct metadata metadata;

/** Any thread may open metadata, and use its own. Reads what the file's bytes, or p->exif and p->xmp, hold. NULL when
 * this build has no gexiv2; what is damaged is left out, and both come with a warning. */
metadata *metadata_open(const uint8_t *bytes, size_t size, const picture *p, complaint *c);
void metadata_close(metadata *m);

/** EXIF's orientation, 1..8. */
int metadata_orientation(const metadata *m);

/** Pixels an inch, across and down, as EXIF has them; both 0 when it does not say. */
void metadata_density(const metadata *m, double density[2]);

/** Makes the metadata those of an upright picture with colours, without what described the old pixels (thumbnails, the
 *  layout of a TIFF file, the address of a C2PA manifest).
 *  @param transposed columns and rows have changed places. */
void metadata_update(metadata *m, const picture *upright, bool transposed);

/** Whether the file says that this library made its colours: a look at its bytes where this build has no gexiv2. */
bool metadata_has_mark(const metadata *m, const uint8_t *bytes, size_t size, const picture *p);

/** Sets the mark, in place of one that was set before. NULL: leaves all as it is. */
bool metadata_mark(metadata *m, const mark *made, complaint *c);

/** For a format without IPTC: XMP takes over what it has a property for and does not have already; what is left comes
 *  with a warning. */
void metadata_iptc_to_xmp(metadata *m, complaint *c);

/** Writes them into a finished file. */
bool metadata_save(metadata *m, const char *path, complaint *c);

/** Gives them to a format with boxes: out->exif and out->xmp. */
bool metadata_to_boxes(metadata *m, picture *out, complaint *c);

/** Whether the bytes hold a C2PA manifest, in any file format: the head of its JUMBF box is looked for. */
bool metadata_has_manifest(const uint8_t *bytes, size_t size);

#endif
