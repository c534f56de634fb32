/* SPDX-License-Identifier: BSD-2-Clause */
#include "plugin.h"

#include <string.h>

#define NAME "Hints"

/** Cells that are a 64th of the photograph's short side are four pixels of the network's. */
#define CELLS 64

gint32 hints_photo(gint32 image, gint32 drawable) {
    gchar *name = gimp_item_get_name(drawable);
    const gboolean is_hints = name != NULL && strcmp(name, NAME) == 0;
    const gint32 parent = gimp_item_get_parent(drawable);
    gint count = 0, below = gimp_image_get_item_position(image, drawable) + 1;
    gint *siblings = parent >= 0 ? gimp_item_get_children(parent, &count) : gimp_image_get_layers(image, &count);
    const gint32 photo = !is_hints                                               ? drawable
                         : below < count && !gimp_item_is_group(siblings[below]) ? siblings[below]
                                                                                 : -1;
    g_free(siblings);
    g_free(name);
    return photo;
}

gint32 hints_layer(gint32 image, gint32 photo) {
    const gint32 layer = gimp_image_get_layer_by_name(image, NAME);
    const gboolean serves = layer >= 0 && layer != photo && !gimp_item_is_group(layer) &&
                            gimp_drawable_has_alpha(layer) && gimp_image_base_type(image) == GIMP_RGB;
    return serves ? layer : -1;
}

typedef struct {
    GeglBuffer *painted;
    GeglRectangle part; /* of `painted` that lies over the photograph */
    gint x, y;          /* of `part` in the photograph */
    gint side;          /* of a cell */
    gdouble scale;      /* from the photograph's pixels to the hints' */
    GString *text;
    guint count;
} reader;

static gboolean is_painted(const guchar *pixel) { return pixel[3] >= 128; }

/** Adds the spot that is painted in a cell: as large as what is painted, at its centre, of the colour nearest to that.
 */
static void read_cell(reader *r, const guchar *pixels, gint width, gint height, gint x0, gint y0) {
    gdouble x = 0, y = 0, nearest = G_MAXDOUBLE;
    const guchar *colour = NULL;
    gint count = 0;
    gchar number[3][G_ASCII_DTOSTR_BUF_SIZE];
    for (gint i = 0; i < width * height; i++)
        if (is_painted(pixels + 4 * i)) x += i % width, y += i / width, count++;
    if (count == 0) return;
    x /= count, y /= count;
    for (gint i = 0; i < width * height; i++) {
        const gdouble dx = i % width - x, dy = i / width - y;
        if (!is_painted(pixels + 4 * i) || dx * dx + dy * dy >= nearest) continue;
        nearest = dx * dx + dy * dy;
        colour = pixels + 4 * i;
    }
    const gdouble values[3] = {(x0 + x + 0.5) * r->scale, (y0 + y + 0.5) * r->scale, sqrt(count / G_PI) * r->scale};
    for (gint i = 0; i < 3; i++) g_ascii_formatd(number[i], sizeof number[i], "%.3f", values[i]);
    g_string_append_printf(r->text, "%s,%s,%s,#%02x%02x%02x;", number[0], number[1], number[2], colour[0], colour[1],
                           colour[2]);
    r->count++;
}

/** All cells; stops when there are too many hints. */
static void read_cells(reader *r) {
    guchar *pixels = g_malloc_n((gsize)r->side * (gsize)r->side, 4);
    g_string_truncate(r->text, 0);
    r->count = 0;
    for (gint y = 0; y < r->part.height && r->count <= COLORIZER_MAX_HINTS; y += r->side)
        for (gint x = 0; x < r->part.width && r->count <= COLORIZER_MAX_HINTS; x += r->side) {
            const GeglRectangle cell = {r->part.x + x, r->part.y + y, MIN(r->side, r->part.width - x),
                                        MIN(r->side, r->part.height - y)};
            gegl_buffer_get(r->painted, &cell, 1.0, babl_format("R'G'B'A u8"), pixels, GEGL_AUTO_ROWSTRIDE,
                            GEGL_ABYSS_NONE);
            read_cell(r, pixels, cell.width, cell.height, r->x + x, r->y + y);
        }
    g_free(pixels);
}

gchar *hints_painted(gint32 layer, gint32 photo, gdouble scale) {
    const gint width = gimp_drawable_width(photo), height = gimp_drawable_height(photo);
    const GeglRectangle frame = {0, 0, width, height};
    reader r = {.scale = scale, .text = g_string_new(NULL), .side = MAX(MIN(width, height) / CELLS, 2)};
    gint x, y, photo_x, photo_y;
    gimp_drawable_offsets(layer, &x, &y);
    gimp_drawable_offsets(photo, &photo_x, &photo_y);
    GeglRectangle over = {x - photo_x, y - photo_y, gimp_drawable_width(layer), gimp_drawable_height(layer)};
    if (gegl_rectangle_intersect(&over, &over, &frame)) {
        r.part = (GeglRectangle){over.x - (x - photo_x), over.y - (y - photo_y), over.width, over.height};
        r.x = over.x, r.y = over.y;
        r.painted = gimp_drawable_get_buffer(layer);
        for (read_cells(&r); r.count > COLORIZER_MAX_HINTS; read_cells(&r)) r.side *= 2;
        g_object_unref(r.painted);
    }
    return g_string_free(r.text, FALSE);
}
