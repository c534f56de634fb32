/* SPDX-License-Identifier: BSD-2-Clause */
#include "plugin.h"

/** Share of the progress bar for the analysis; rendering has the rest. */
#define ANALYSIS_SHARE 0.4

static int32_t report_analysis(void *user, float share) {
    (void)user;
    gimp_progress_update(ANALYSIS_SHARE * (double)share);
    return 0;
}

static int32_t report_rendering(void *user, float share) {
    (void)user;
    gimp_progress_update(ANALYSIS_SHARE + (1.0 - ANALYSIS_SHARE) * (double)share);
    return 0;
}

/** The pixels of an RGB layer in this image: what is written in them is not rounded once more. */
static const Babl *layer_format(gint32 image, gint32 drawable) {
    static const struct {
        GimpPrecision linear;
        const char *type;
    } types[] = {{GIMP_PRECISION_U8_LINEAR, "u8"},       {GIMP_PRECISION_U16_LINEAR, "u16"},
                 {GIMP_PRECISION_U32_LINEAR, "u32"},     {GIMP_PRECISION_HALF_LINEAR, "half"},
                 {GIMP_PRECISION_FLOAT_LINEAR, "float"}, {GIMP_PRECISION_DOUBLE_LINEAR, "double"}};
    const GimpPrecision precision = gimp_image_get_precision(image);
    const gboolean rgb = gimp_image_base_type(image) == GIMP_RGB, alpha = gimp_drawable_has_alpha(drawable);
    const Babl *space = rgb ? babl_format_get_space(gimp_drawable_get_format(drawable)) : babl_space("sRGB");
    char name[32];
    guint i = 0;
    while (i + 1 < G_N_ELEMENTS(types) && (int)precision >= (int)types[i + 1].linear) i++;
    const gboolean linear = precision == types[i].linear;
    g_snprintf(name, sizeof name, "%s%s %s", linear ? "RGB" : "R'G'B'", alpha ? "A" : "", types[i].type);
    return babl_format_with_space(name, space);
}

/** The colours, in a buffer of their own. */
static GeglBuffer *make_colours(colorizer *c, gint32 image, gint32 drawable, const arguments *chosen, GError **error) {
    GeglBuffer *photo = gimp_drawable_get_buffer(drawable);
    const GeglRectangle *frame = gegl_buffer_get_extent(photo);
    GeglBuffer *colours = gegl_buffer_new(frame, layer_format(image, drawable));
    gchar *painted = chosen->painted >= 0 ? hints_painted(chosen->painted, drawable, 1.0) : NULL;
    const char *hints = painted != NULL ? painted : chosen->hints;
    gboolean good = photo_check(c, colorizer_set_f(c, COLORIZER_KEY_STRENGTH, chosen->strength), error) &&
                    photo_check(c, colorizer_set_f(c, COLORIZER_KEY_VIVIDNESS, chosen->vividness), error) &&
                    photo_check(c, colorizer_set_i(c, COLORIZER_KEY_SIZE, chosen->size), error) &&
                    photo_check(c, colorizer_set_progress(c, report_analysis, NULL), error) &&
                    photo_set_hints(c, hints, frame, error) && photo_analyze(c, photo, frame, error) &&
                    photo_check(c, colorizer_set_progress(c, NULL, NULL), error) &&
                    photo_render(c, photo, colours, frame, frame, report_rendering, NULL, error);
    g_object_unref(photo);
    g_free(painted);
    if (!good) g_clear_object(&colours);
    return colours;
}

/** A layer of the colours, above `drawable` in its group. */
static gint32 insert(gint32 image, gint32 drawable, GeglBuffer *colours) {
    const GimpImageType type = gimp_drawable_has_alpha(drawable) ? GIMP_RGBA_IMAGE : GIMP_RGB_IMAGE;
    gint x, y;
    const gint32 layer = gimp_layer_new(image, "Colour", gegl_buffer_get_width(colours),
                                        gegl_buffer_get_height(colours), type, 100.0, GIMP_LAYER_MODE_LCH_COLOR);
    if (layer < 0) return -1;
    gimp_drawable_offsets(drawable, &x, &y);
    gimp_layer_set_offsets(layer, x, y);
    GeglBuffer *pixels = gimp_drawable_get_buffer(layer);
    gegl_buffer_copy(colours, NULL, GEGL_ABYSS_NONE, pixels, NULL);
    g_object_unref(pixels); /* sends them to GIMP */
    gimp_image_insert_layer(image, layer, gimp_item_get_parent(drawable),
                            gimp_image_get_item_position(image, drawable));
    return layer;
}

gint32 layer_colorize(colorizer *c, gint32 image, gint32 drawable, const arguments *chosen, GError **error) {
    gimp_progress_init("Colorizing");
    GeglBuffer *colours = make_colours(c, image, drawable, chosen, error);
    if (colours == NULL) return -1;
    gimp_image_undo_group_start(image);
    const gboolean rgb = gimp_image_base_type(image) == GIMP_RGB || gimp_image_convert_rgb(image);
    const gint32 layer = rgb ? insert(image, drawable, colours) : -1;
    if (layer >= 0 && chosen->painted >= 0) gimp_item_set_visible(chosen->painted, FALSE);
    gimp_image_undo_group_end(image);
    g_object_unref(colours);
    gimp_progress_end();
    if (layer < 0) g_set_error_literal(error, PHOTO_ERROR, COLORIZER_E_MEMORY, gimp_get_pdb_error());
    return layer;
}
