/* SPDX-License-Identifier: BSD-2-Clause
 * The parts of the GIMP plug-in. GIMP ends the process of a plug-in when the user cancels; so nothing of the image is
 * changed before the colours are there. */
#ifndef PLUGIN_H
#define PLUGIN_H

#include <libgimp/gimp.h>
#include "photo.h"

#define PROCEDURE "plug-in-colorizer"

/** The arguments of the procedure; the first two are what the dialog shows and GIMP keeps for the next time. */
typedef struct {
    gdouble strength;
    gdouble vividness;
    gint32 size;
    const char *hints;
    gint32 painted; /* a layer whose colours are hints as well, or -1; hidden when it has served */
} arguments;

/** The photograph that is meant when the procedure is called on `drawable`: that itself, or what lies below it where it
 *  is the layer "Hints"; -1 where nothing does. */
gint32 hints_photo(gint32 image, gint32 drawable);

/** The layer "Hints" of an RGB image, if it can be painted through; else -1. */
gint32 hints_layer(gint32 image, gint32 photo);

/** Its colours as hints for the photograph, at most COLORIZER_MAX_HINTS: each cell of a grid that has opaque pixels
 * gives a spot. Places are in pixels of the photograph times `scale`. Freed by g_free. */
gchar *hints_painted(gint32 layer, gint32 photo, gdouble scale);

/** Lets the user choose strength, vividness and whether painted hints count (chosen->painted: the layer, or -1) beside
 * a preview of the drawable. FALSE: the user cancelled. */
gboolean dialog_run(colorizer *c, gint32 drawable, arguments *chosen);

/** Puts the colours of a layer above it, in a layer of mode LCh colour; an image that is not RGB becomes RGB. One step
 *  of undo. @return the new layer, or -1 with an error. */
gint32 layer_colorize(colorizer *c, gint32 image, gint32 drawable, const arguments *chosen, GError **error);

#endif
