/* SPDX-License-Identifier: BSD-2-Clause */
#include "plugin.h"

#include <libgimp/gimpui.h>

/** Long side of the preview, in pixels. */
#define PREVIEW_SIDE 400
/** Least short side of what the network gets for it: twice what it works at. */
#define ANALYSIS_SIDE 512

typedef struct {
    colorizer *c;
    arguments *chosen;
    GeglBuffer *analyzed; /* the photograph, small */
    GeglBuffer *shown;    /* and smaller */
    GeglBuffer *colours;  /* of `shown` */
    gint32 painted;       /* the layer of hints, or -1 */
    gchar *hints;         /* what it has, for `analyzed` */
    gboolean hinted;      /* whether the analysis took them */
    gdouble vividness;    /* that was analyzed; -1: none */
    guint idle;           /* the redraw that waits, or 0 */
    GtkWidget *area;
    GtkWidget *toggle; /* shows the colours, or the photograph as it is */
    GtkObject *strength;
    GtkObject *vivid;
} dialog;

/** A copy of `photo` whose sides are `scale` times its own, at least a pixel. */
static GeglBuffer *shrink(GeglBuffer *photo, gdouble scale) {
    const Babl *format = photo_format(photo);
    const GeglRectangle small = {0, 0, MAX((gint)(gegl_buffer_get_width(photo) * scale), 1),
                                 MAX((gint)(gegl_buffer_get_height(photo) * scale), 1)};
    GeglBuffer *copy = gegl_buffer_new(&small, format);
    gpointer pixels =
        g_malloc_n((gsize)small.width * (gsize)small.height, (gsize)babl_format_get_bytes_per_pixel(format));
    gegl_buffer_get(photo, &small, scale, format, pixels, GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_CLAMP);
    gegl_buffer_set(copy, &small, 0, format, pixels, GEGL_AUTO_ROWSTRIDE);
    g_free(pixels);
    return copy;
}

static void draw(dialog *d, GeglBuffer *buffer) {
    const gint width = gegl_buffer_get_width(buffer), height = gegl_buffer_get_height(buffer);
    guchar *pixels = g_malloc_n((gsize)width * (gsize)height, 4);
    gegl_buffer_get(buffer, NULL, 1.0, babl_format("R'G'B'A u8"), pixels, GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_NONE);
    gimp_preview_area_draw(GIMP_PREVIEW_AREA(d->area), 0, 0, width, height, GIMP_RGBA_IMAGE, pixels, 4 * width);
    g_free(pixels);
}

/** The preview with the present settings. The network runs only for another vividness, and with or without hints. */
static gboolean colorize_preview(dialog *d) {
    const GeglRectangle *whole = gegl_buffer_get_extent(d->analyzed), *frame = gegl_buffer_get_extent(d->shown);
    const arguments *chosen = d->chosen;
    const gboolean hinted = chosen->painted >= 0;
    if (d->vividness < chosen->vividness || d->vividness > chosen->vividness || d->hinted != hinted) {
        d->vividness = -1.0;
        if (!photo_check(d->c, colorizer_set_f(d->c, COLORIZER_KEY_VIVIDNESS, chosen->vividness), NULL) ||
            !photo_set_hints(d->c, hinted ? d->hints : NULL, whole, NULL) ||
            !photo_analyze(d->c, d->analyzed, whole, NULL))
            return FALSE;
        d->hinted = hinted;
        d->vividness = chosen->vividness;
    }
    return photo_check(d->c, colorizer_set_f(d->c, COLORIZER_KEY_STRENGTH, chosen->strength), NULL) &&
           photo_render(d->c, d->shown, d->colours, frame, frame, NULL, NULL, NULL);
}

static gboolean redraw(gpointer user) {
    dialog *d = user;
    d->idle = 0;
    const gboolean colours = gtk_toggle_button_get_active(GTK_TOGGLE_BUTTON(d->toggle)) && colorize_preview(d);
    draw(d, colours ? d->colours : d->shown);
    return FALSE;
}

/** Redraws when GTK has nothing better to do, so that a slider is never ahead of its preview by more than one. */
static void redraw_soon(dialog *d) {
    if (d->idle == 0) d->idle = g_idle_add_full(G_PRIORITY_LOW, redraw, d, NULL);
}

static void strength_changed(GtkAdjustment *adjustment, dialog *d) {
    d->chosen->strength = gtk_adjustment_get_value(adjustment);
    redraw_soon(d);
}

static void vividness_changed(GtkAdjustment *adjustment, dialog *d) {
    d->chosen->vividness = gtk_adjustment_get_value(adjustment);
    redraw_soon(d);
}

static void hints_toggled(GtkToggleButton *button, dialog *d) {
    d->chosen->painted = gtk_toggle_button_get_active(button) ? d->painted : -1;
    redraw_soon(d);
}

/** Says where hints come from while there are none. */
static GtkWidget *make_hints(dialog *d) {
    if (d->painted < 0) {
        GtkWidget *label = gtk_label_new("Hints: in an RGB image, paint colours on a transparent layer named “Hints”.");
        gtk_misc_set_alignment(GTK_MISC(label), 0.0f, 0.5f);
        return label;
    }
    GtkWidget *button = gtk_check_button_new_with_mnemonic("_Hints: the colours painted on the layer “Hints”");
    gtk_toggle_button_set_active(GTK_TOGGLE_BUTTON(button), TRUE);
    g_signal_connect(button, "toggled", G_CALLBACK(hints_toggled), d);
    return button;
}

static GtkWidget *make_preview(dialog *d) {
    GtkWidget *frame = gtk_aspect_frame_new(NULL, 0.5, 0.5, 1.0, TRUE);
    d->area = gimp_preview_area_new();
    gtk_widget_set_size_request(d->area, gegl_buffer_get_width(d->shown), gegl_buffer_get_height(d->shown));
    gtk_container_add(GTK_CONTAINER(frame), d->area);
    g_signal_connect_swapped(d->area, "size-allocate", G_CALLBACK(redraw_soon), d);
    return frame;
}

static GtkWidget *make_sliders(dialog *d) {
    GtkWidget *table = gtk_table_new(2, 3, FALSE);
    gtk_table_set_col_spacings(GTK_TABLE(table), 6);
    gtk_table_set_row_spacings(GTK_TABLE(table), 6);
    d->vivid = gimp_scale_entry_new(GTK_TABLE(table), 0, 0, "_Vividness:", 200, 6, d->chosen->vividness, 0.0, 2.0, 0.01,
                                    0.1, 2, TRUE, 0, 0, "0: the safe, pale mean of all plausible colours", NULL);
    d->strength = gimp_scale_entry_new(GTK_TABLE(table), 0, 1, "_Strength:", 200, 6, d->chosen->strength, 0.0, 1.0,
                                       0.01, 0.1, 2, TRUE, 0, 0, "How much of the colour is applied", NULL);
    g_signal_connect(d->vivid, "value-changed", G_CALLBACK(vividness_changed), d);
    g_signal_connect(d->strength, "value-changed", G_CALLBACK(strength_changed), d);
    return table;
}

static GtkWidget *make_window(dialog *d) {
    GtkWidget *window = gimp_dialog_new("Colorize Photograph", PROCEDURE, NULL, 0, NULL, NULL, "_Cancel",
                                        GTK_RESPONSE_CANCEL, "C_olorize", GTK_RESPONSE_OK, NULL);
    GtkWidget *box = gtk_vbox_new(FALSE, 12);
    gtk_dialog_set_default_response(GTK_DIALOG(window), GTK_RESPONSE_OK);
    gimp_window_set_transient(GTK_WINDOW(window));
    gtk_window_set_resizable(GTK_WINDOW(window), FALSE);
    gtk_container_set_border_width(GTK_CONTAINER(box), 12);
    d->toggle = gtk_check_button_new_with_mnemonic("_Preview");
    gtk_toggle_button_set_active(GTK_TOGGLE_BUTTON(d->toggle), TRUE);
    g_signal_connect_swapped(d->toggle, "toggled", G_CALLBACK(redraw_soon), d);
    gtk_box_pack_start(GTK_BOX(box), make_preview(d), FALSE, FALSE, 0);
    gtk_box_pack_start(GTK_BOX(box), d->toggle, FALSE, FALSE, 0);
    gtk_box_pack_start(GTK_BOX(box), make_sliders(d), FALSE, FALSE, 0);
    gtk_box_pack_start(GTK_BOX(box), make_hints(d), FALSE, FALSE, 0);
    gtk_box_pack_start(GTK_BOX(gtk_dialog_get_content_area(GTK_DIALOG(window))), box, TRUE, TRUE, 0);
    gtk_widget_show_all(window);
    return window;
}

gboolean dialog_run(colorizer *c, gint32 drawable, arguments *chosen) {
    dialog d = {.c = c, .chosen = chosen, .vividness = -1.0, .painted = chosen->painted};
    GeglBuffer *photo = gimp_drawable_get_buffer(drawable);
    const gint width = gegl_buffer_get_width(photo), height = gegl_buffer_get_height(photo);
    gimp_ui_init(PROCEDURE, TRUE);
    d.analyzed = shrink(photo, MIN(1.0, (gdouble)ANALYSIS_SIDE / MIN(width, height)));
    d.shown = shrink(photo, MIN(1.0, (gdouble)PREVIEW_SIDE / MAX(width, height)));
    if (d.painted >= 0)
        d.hints = hints_painted(d.painted, drawable, (gdouble)gegl_buffer_get_width(d.analyzed) / width);
    d.colours = gegl_buffer_new(gegl_buffer_get_extent(d.shown), photo_format(photo));
    GtkWidget *window = make_window(&d);
    const gboolean accepted = gimp_dialog_run(GIMP_DIALOG(window)) == GTK_RESPONSE_OK;
    if (d.idle != 0) g_source_remove(d.idle);
    gtk_widget_destroy(window);
    g_free(d.hints);
    g_object_unref(d.colours);
    g_object_unref(d.shown);
    g_object_unref(d.analyzed);
    g_object_unref(photo);
    return accepted;
}
