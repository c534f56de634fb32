/* SPDX-License-Identifier: BSD-2-Clause */
#include "photo.h"

/** Pixels rendered at a time: 16 MiB of RGBA float. */
#define STRIP_PIXELS (1 << 20)

GQuark photo_error_quark(void) { return g_quark_from_static_string("colorizer"); }

gboolean photo_check(colorizer *c, int32_t status, GError **error) {
    char detail[256];
    if (status == COLORIZER_OK) return TRUE;
    colorizer_last_error(c, detail, sizeof detail);
    g_set_error(error, PHOTO_ERROR, status, "%s: %s", colorizer_strerror(status), detail);
    return FALSE;
}

const Babl *photo_format(GeglBuffer *photo) {
    const gboolean alpha = babl_format_has_alpha(gegl_buffer_get_format(photo));
    return babl_format_with_space(alpha ? "RGBA float" : "RGB float", babl_space("sRGB"));
}

/** Memory for `width` x `height` pixels of `format` as the library sees it; free view->data[0]. */
static gboolean make_view(colorizer_image *view, const Babl *format, int width, int height, GError **error) {
    const int pixel = babl_format_get_bytes_per_pixel(format);
    *view = (colorizer_image){.struct_size = sizeof *view,
                              .format = pixel == 16 ? COLORIZER_RGBA_F32 : COLORIZER_RGB_F32,
                              .width = width,
                              .height = height,
                              .transfer = COLORIZER_TRANSFER_LINEAR};
    if (width < 1 || height < 1 || width > COLORIZER_MAX_SIDE || height > COLORIZER_MAX_SIDE) {
        g_set_error(error, PHOTO_ERROR, COLORIZER_E_IMAGE_SIZE, "%s: %d x %d",
                    colorizer_strerror(COLORIZER_E_IMAGE_SIZE), width, height);
        return FALSE;
    }
    view->stride[0] = (int64_t)pixel * width;
    view->size[0] = (uint64_t)view->stride[0] * (uint64_t)height;
    view->data[0] = g_try_malloc((gsize)view->size[0]);
    if (view->data[0] != NULL) return TRUE;
    g_set_error(error, PHOTO_ERROR, COLORIZER_E_MEMORY, "%s: %d x %d pixels", colorizer_strerror(COLORIZER_E_MEMORY),
                width, height);
    return FALSE;
}

gboolean photo_analyze(colorizer *c, GeglBuffer *photo, const GeglRectangle *frame, GError **error) {
    const Babl *format = babl_format_with_space("RGB float", babl_space("sRGB"));
    colorizer_image view;
    if (!make_view(&view, format, frame->width, frame->height, error)) return FALSE;
    gegl_buffer_get(photo, frame, 1.0, format, view.data[0], GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_NONE);
    const int32_t status = colorizer_analyze(c, &view);
    g_free(view.data[0]);
    return photo_check(c, status, error);
}

gboolean photo_render(colorizer *c, GeglBuffer *photo, GeglBuffer *result, const GeglRectangle *frame,
                      const GeglRectangle *part, colorizer_progress_fn progress, void *user, GError **error) {
    const Babl *format = photo_format(photo);
    const int rows = CLAMP(STRIP_PIXELS / MAX(part->width, 1), 1, MAX(part->height, 1));
    GeglRectangle strip = {part->x, part->y, part->width, rows};
    colorizer_image view;
    gboolean good = make_view(&view, format, part->width, rows, error);
    for (int done = 0; good && done < part->height; done += rows) {
        strip.y = part->y + done;
        strip.height = view.height = MIN(rows, part->height - done);
        const colorizer_region region = {.struct_size = sizeof region,
                                         .x = strip.x - frame->x,
                                         .y = strip.y - frame->y,
                                         .frame_width = frame->width,
                                         .frame_height = frame->height};
        gegl_buffer_get(photo, &strip, 1.0, format, view.data[0], GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_NONE);
        good = photo_check(c, colorizer_render(c, &view, &view, &region), error);
        if (good) gegl_buffer_set(result, &strip, 0, format, view.data[0], GEGL_AUTO_ROWSTRIDE);
        if (good && progress != NULL && progress(user, (float)(done + strip.height) / (float)part->height) != 0) {
            g_set_error_literal(error, PHOTO_ERROR, COLORIZER_E_CANCELLED, colorizer_strerror(COLORIZER_E_CANCELLED));
            good = FALSE;
        }
    }
    g_free(view.data[0]);
    return good;
}
