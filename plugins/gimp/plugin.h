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
} arguments;

/** Lets the user choose strength and vividness beside a preview of the drawable. FALSE: the user cancelled. */
gboolean dialog_run(colorizer *c, gint32 drawable, arguments *chosen);

/** Puts the colours of a layer above it, in a layer of mode LCh colour; an image that is not RGB becomes RGB. One step
 *  of undo. @return the new layer, or -1 with an error. */
gint32 layer_colorize(colorizer *c, gint32 image, gint32 drawable, const arguments *chosen, GError **error);

#endif
