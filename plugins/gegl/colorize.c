/* SPDX-License-Identifier: BSD-2-Clause
 * The GEGL operation colorizer:colorize. The network needs the whole photograph, rendering only the part that is asked
 * for; so the analysis is kept, and another part or another strength needs no other run of the network. */
#ifdef GEGL_PROPERTIES

/* clang-format off */
property_double(strength, "Strength", 1.0)
    description("How much of the colour is applied; 0 is gray")
    value_range(0.0, 1.0)

property_double(vividness, "Vividness", 1.0)
    description("0 is the safe, pale mean of all plausible colours; 2 is the most vivid")
    value_range(0.0, 2.0)

property_int(size, "Size", 0)
    description("Short side at which the network sees the photograph, 32 to 1024; 0: the model's own")
    value_range(0, 1024)

property_string(hints, "Hints", "")
    description("Colours wanted at places: \"x,y,radius,#rrggbb\" in pixels, with ';' between them")
/* clang-format on */

#else

/* gegl-op.h includes this file once more for each thing that it makes of the properties. */
#define GEGL_OP_FILTER
#define GEGL_OP_NAME     colorize
#define GEGL_OP_C_SOURCE colorize.c
#include "gegl-op.h"
#include "photo.h"

/** Of the small version by which a photograph is known again, the short side in pixels. */
#define KEY_SIDE 512

/** What an operation keeps from call to call. */
typedef struct {
    GMutex lock;
    colorizer *c; /* NULL until the first call */
    char *key;    /* of the photograph and settings that c has analyzed; NULL: none */
} memory;

static memory *remember(GeglProperties *o) {
    memory *m = g_new0(memory, 1);
    g_mutex_init(&m->lock);
    if (!g_atomic_pointer_compare_and_exchange(&o->user_data, NULL, m)) {
        g_mutex_clear(&m->lock);
        g_free(m);
    }
    return o->user_data;
}

static void forget(memory *m) {
    if (m == NULL) return;
    colorizer_close(m->c);
    g_mutex_clear(&m->lock);
    g_free(m->key);
    g_free(m);
}

/** A checksum of all that an analysis depends on. The photograph counts at a size of about twice what the network sees,
 *  which GEGL keeps ready with its tiles: reading the whole for each part would cost more than the part. */
static char *make_key(GeglProperties *o, GeglBuffer *input, const GeglRectangle *frame) {
    const double scale = MIN(1.0, (double)KEY_SIDE / MIN(frame->width, frame->height));
    const GeglRectangle small = {(int)(frame->x * scale), (int)(frame->y * scale), MAX((int)(frame->width * scale), 1),
                                 MAX((int)(frame->height * scale), 1)};
    const gsize row = (gsize)small.width * sizeof(float), bytes = row * (gsize)small.height;
    float *pixels = g_try_malloc(bytes);
    if (pixels == NULL) return NULL;
    gegl_buffer_get(input, &small, scale, babl_format("Y float"), pixels, GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_CLAMP);
    GChecksum *sum = g_checksum_new(G_CHECKSUM_SHA1);
    for (int y = 0; y < small.height; y++) g_checksum_update(sum, (const guchar *)pixels + (gsize)y * row, (gssize)row);
    g_checksum_update(sum, (const guchar *)frame, sizeof *frame);
    g_checksum_update(sum, (const guchar *)&o->vividness, sizeof o->vividness);
    g_checksum_update(sum, (const guchar *)&o->size, sizeof o->size);
    g_checksum_update(sum, (const guchar *)o->hints, -1);
    char *key = g_strdup(g_checksum_get_string(sum));
    g_checksum_free(sum);
    g_free(pixels);
    return key;
}

/** Makes the handle hold the analysis of `input` as the properties want it. */
static gboolean analyze(memory *m, GeglProperties *o, GeglBuffer *input, const GeglRectangle *frame, GError **error) {
    if (m->c == NULL && !photo_check(NULL, colorizer_open(&m->c, NULL, NULL), error)) return FALSE;
    char *key = make_key(o, input, frame);
    if (key != NULL && g_strcmp0(key, m->key) == 0) {
        g_free(key);
        return TRUE;
    }
    g_clear_pointer(&m->key, g_free);
    const gboolean good = photo_check(m->c, colorizer_set_f(m->c, COLORIZER_KEY_VIVIDNESS, o->vividness), error) &&
                          photo_check(m->c, colorizer_set_i(m->c, COLORIZER_KEY_SIZE, o->size), error) &&
                          photo_set_hints(m->c, o->hints, frame, error) && photo_analyze(m->c, input, frame, error);
    if (good)
        m->key = key;
    else
        g_free(key);
    return good;
}

static int32_t report(void *operation, float share) {
    gegl_operation_progress(operation, share, (char *)(guintptr) "");
    return 0;
}

static gboolean process(GeglOperation *operation, GeglBuffer *input, GeglBuffer *output, const GeglRectangle *result,
                        gint level) {
    GeglProperties *o = GEGL_PROPERTIES(operation);
    memory *m = g_atomic_pointer_get(&o->user_data);
    const GeglRectangle *frame = gegl_operation_source_get_bounding_box(operation, "input");
    GError *error = NULL;
    (void)level; /* the whole is always rendered at its own size */
    if (m == NULL) m = remember(o);
    g_mutex_lock(&m->lock);
    const gboolean good = analyze(m, o, input, frame, &error) &&
                          photo_check(m->c, colorizer_set_f(m->c, COLORIZER_KEY_STRENGTH, o->strength), &error) &&
                          photo_render(m->c, input, output, frame, result, report, operation, &error);
    g_mutex_unlock(&m->lock);
    if (!good) { /* the photograph as it is */
        g_warning("colorizer:colorize: %s", error->message);
        gegl_buffer_copy(input, result, GEGL_ABYSS_NONE, output, result);
    }
    g_clear_error(&error);
    return good;
}

static void prepare(GeglOperation *operation) {
    const Babl *source = gegl_operation_get_source_format(operation, "input");
    const char *name = source == NULL || babl_format_has_alpha(source) ? "RGBA float" : "RGB float";
    gegl_operation_set_format(operation, "input", babl_format(name));
    gegl_operation_set_format(operation, "output", babl_format(name));
}

static GeglRectangle whole(GeglOperation *operation, const gchar *pad, const GeglRectangle *part) {
    const GeglRectangle *frame = gegl_operation_source_get_bounding_box(operation, "input");
    (void)pad;
    return frame == NULL || gegl_rectangle_is_infinite_plane(frame) ? *part : *frame;
}

static void finalize(GObject *object) {
    forget(GEGL_PROPERTIES(object)->user_data);
    G_OBJECT_CLASS(gegl_op_parent_class)->finalize(object);
}

static void gegl_op_class_init(GeglOpClass *klass) {
    GeglOperationClass *operation = GEGL_OPERATION_CLASS(klass);
    G_OBJECT_CLASS(klass)->finalize = finalize;
    operation->prepare = prepare;
    operation->get_required_for_output = whole;
    operation->get_invalidated_by_change = whole;
    operation->threaded = FALSE;      /* the library has threads of its own */
    operation->want_in_place = FALSE; /* the next part is of the photograph as it was */
    GEGL_OPERATION_FILTER_CLASS(klass)->process = process;
    gegl_operation_class_set_keys(
        operation, "name", "colorizer:colorize", "title", "Colorize Photograph", "categories", "color", "description",
        "Gives a gray photograph plausible colours by a neural network; its luminance stays", NULL);
}

#endif
