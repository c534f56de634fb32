/* SPDX-License-Identifier: BSD-2-Clause
 * GIMP 2.10: Colors, Colorize Photograph; the procedure plug-in-colorizer. */
#include "plugin.h"

#include <string.h>

/** What GIMP keeps for the next time. */
typedef struct {
    gdouble strength;
    gdouble vividness;
} last_values;

static void query(void) {
    static const GimpParamDef takes[] = {
        {GIMP_PDB_INT32, (gchar *)"run-mode",
         (gchar *)"RUN-INTERACTIVE (0), RUN-NONINTERACTIVE (1), RUN-WITH-LAST-VALS (2)"},
        {GIMP_PDB_IMAGE, (gchar *)"image", (gchar *)"the image"},
        {GIMP_PDB_DRAWABLE, (gchar *)"drawable", (gchar *)"the layer that holds the photograph"},
        {GIMP_PDB_FLOAT, (gchar *)"strength", (gchar *)"how much of the colour is applied, 0 to 1"},
        {GIMP_PDB_FLOAT, (gchar *)"vividness", (gchar *)"0 (the safe mean of all plausible colours) to 2; usually 1"},
        {GIMP_PDB_INT32, (gchar *)"size",
         (gchar *)"short side at which the network sees the photograph, 32 to 1024; 0: its own"},
        {GIMP_PDB_STRING, (gchar *)"hints",
         (gchar *)"colours wanted at places of the layer: \"x,y,radius,#rrggbb;...\", or \"\""},
    };
    static const GimpParamDef gives[] = {{GIMP_PDB_LAYER, (gchar *)"layer", (gchar *)"the layer of the colours"}};
    gimp_install_procedure(
        PROCEDURE, "Gives a gray photograph plausible colours by a neural network",
        "Puts the colours into a new layer of mode LCh colour above the photograph, which stays as it "
        "is. A gray or indexed image becomes RGB. One step of undo. The selection does not matter. Colours painted on "
        "a "
        "transparent layer \"Hints\" of an RGB image are hints, unless the run is non-interactive.",
        "The authors of libcolorizer", "BSD-2-Clause", "2026", "Colorize P_hotograph...", "RGB*, GRAY*, INDEXED*",
        GIMP_PLUGIN, G_N_ELEMENTS(takes), G_N_ELEMENTS(gives), takes, gives);
    gimp_plugin_menu_register(PROCEDURE, "<Image>/Colors");
}

static gboolean refuse(GError **error, int32_t status, const char *why) {
    g_set_error_literal(error, PHOTO_ERROR, status, why);
    return FALSE;
}

/** Fills `chosen` as the run mode wants it. FALSE without an error: the user cancelled. */
static gboolean choose(colorizer *c, gint n, const GimpParam *given, gint32 photo, arguments *chosen, GError **error) {
    last_values last = {.strength = 1.0};
    double vividness;
    if (!photo_check(c, colorizer_get_f(c, COLORIZER_KEY_VIVIDNESS, &vividness), error)) return FALSE;
    last.vividness = vividness;
    if (given[0].data.d_int32 == GIMP_RUN_NONINTERACTIVE) {
        if (n != 7) return refuse(error, COLORIZER_E_ARGUMENT, "seven arguments are needed");
        *chosen = (arguments){given[3].data.d_float, given[4].data.d_float, given[5].data.d_int32,
                              given[6].data.d_string, -1};
        return TRUE;
    }
    if (gimp_get_data_size(PROCEDURE) == sizeof last) gimp_get_data(PROCEDURE, &last);
    *chosen = (arguments){
        .strength = last.strength, .vividness = last.vividness, .painted = hints_layer(given[1].data.d_image, photo)};
    if (given[0].data.d_int32 == GIMP_RUN_WITH_LAST_VALS) return TRUE;
    if (!dialog_run(c, photo, chosen)) return FALSE;
    last = (last_values){chosen->strength, chosen->vividness};
    gimp_set_data(PROCEDURE, &last, sizeof last);
    return TRUE;
}

/** The new layer, or -1: with an error, or without one when the user cancelled. */
static gint32 colorize(gint n, const GimpParam *given, GError **error) {
    colorizer *c = NULL;
    arguments chosen;
    gint32 layer = -1;
    if (n < 3 || !gimp_item_is_layer(given[2].data.d_drawable)) {
        refuse(error, COLORIZER_E_ARGUMENT, "only a layer can be colorized, not a mask or a channel");
        return -1;
    }
    gint32 photo = given[2].data.d_drawable;
    if (given[0].data.d_int32 != GIMP_RUN_NONINTERACTIVE) photo = hints_photo(given[1].data.d_image, photo);
    if (photo < 0) {
        refuse(error, COLORIZER_E_ARGUMENT, "there is no photograph below the layer of hints");
        return -1;
    }
    if (photo_check(NULL, colorizer_open(&c, NULL, NULL), error) && choose(c, n, given, photo, &chosen, error)) {
        layer = layer_colorize(c, given[1].data.d_image, photo, &chosen, error);
        if (layer >= 0 && given[0].data.d_int32 != GIMP_RUN_NONINTERACTIVE) gimp_displays_flush();
    }
    colorizer_close(c);
    return layer;
}

static void run(const gchar *name, gint n, const GimpParam *given, gint *n_returned, GimpParam **returned) {
    static GimpParam values[2];
    static char message[512]; /* GIMP reads it after this function */
    GError *error = NULL;
    (void)name;
    gegl_init(NULL, NULL);
    const gint32 layer = colorize(n, given, &error);
    values[0].type = GIMP_PDB_STATUS;
    values[0].data.d_status = GIMP_PDB_SUCCESS;
    *n_returned = 1;
    *returned = values;
    if (layer >= 0) {
        *n_returned = 2;
        values[1].type = GIMP_PDB_LAYER;
        values[1].data.d_layer = layer;
    } else if (error == NULL) {
        values[0].data.d_status = GIMP_PDB_CANCEL;
    } else {
        *n_returned = 2;
        values[0].data.d_status = GIMP_PDB_EXECUTION_ERROR;
        values[1].type = GIMP_PDB_STRING;
        g_strlcpy(message, error->message, sizeof message);
        values[1].data.d_string = message;
        g_error_free(error);
    }
}

const GimpPlugInInfo PLUG_IN_INFO = {NULL, NULL, query, run};

MAIN()
