/* SPDX-License-Identifier: BSD-2-Clause
 * Photographs in GeglBuffers: read for the library and written from it, in linear light, float, with sRGB's primaries;
 * babl converts from and to whatever a buffer holds. Errors are of the domain PHOTO_ERROR, their codes the library's.
 */
#ifndef PHOTO_H
#define PHOTO_H

#include <gegl.h>
#include <colorizer/colorizer.h>

#define PHOTO_ERROR photo_error_quark()
GQuark photo_error_quark(void);

/** TRUE when `status` is OK; else sets `error` from the handle's detail text. */
gboolean photo_check(colorizer *c, int32_t status, GError **error);

/** The format for the colours of `photo`: RGBA float, or RGB float when it has no alpha. */
const Babl *photo_format(GeglBuffer *photo);

/** Sets hints from text, "x,y,radius,#rrggbb" with ';' between them; x and y in the buffer's coordinates. NULL and ""
 *  clear them. On an error the hints are as they were. */
gboolean photo_set_hints(colorizer *c, const char *text, const GeglRectangle *frame, GError **error);

/** colorizer_analyze() of what `frame` holds. Takes 12 bytes a pixel while it runs. */
gboolean photo_analyze(colorizer *c, GeglBuffer *photo, const GeglRectangle *frame, GError **error);

/** colorizer_render() of `part` of an analyzed `frame`, from `photo` to `result`, some rows at a time.
 *  @param progress receives the share done after each of these; non-zero cancels; may be NULL. */
gboolean photo_render(colorizer *c, GeglBuffer *photo, GeglBuffer *result, const GeglRectangle *frame,
                      const GeglRectangle *part, colorizer_progress_fn progress, void *user, GError **error);

#endif
