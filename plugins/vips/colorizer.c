/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The libvips operation `colorizer`. When the pipeline is built, the network looks at a shrunk version of the image;
 * then each region that the pipeline asks for is rendered alone. Parts rendered so are, pixel for pixel, the whole.
 *
 * One handle serves all threads of the pipeline, one after the other, and shares the work of a region among as many
 * threads of its own: an analysis belongs to a handle, and a handle for each thread would repeat it and hold thirty
 * megabytes each time. */
#include <vips/vips.h>

#include <colorizer/colorizer.h>

/** The analysis sees at least this short side, or twice the working size; more would not change what it sees. */
#define PREVIEW_SIDE 1024

typedef struct {
    VipsOperation parent_instance;
    VipsImage *in, *preview, *out;
    double strength, vividness;
    int size;
    char *model;
    int32_t transfer; /* COLORIZER_TRANSFER_... */
    GMutex lock;      /* held while the handle is used */
    colorizer *handle;
} VipsColorizer;

typedef VipsOperationClass VipsColorizerClass;

static GType vips_colorizer_get_type(void);
G_DEFINE_TYPE(VipsColorizer, vips_colorizer, VIPS_TYPE_OPERATION)

/** The colour bands of an image, in a form that the library takes. */
typedef struct {
    VipsImage *image;
    VipsInterpretation space; /**< What they are coloured to. */
    double scale;             /**< The samples were multiplied by this. */
    gboolean own_space;       /**< The image is RGB as it came: its profile stays true. */
} Colour;

static int fail(VipsColorizer *op, const char *what, int32_t status) {
    char detail[256];
    colorizer_last_error(op->handle, detail, sizeof detail);
    vips_error("colorizer", "%s: %s: %s", what, colorizer_strerror(status), detail);
    return -1;
}

/* ---------------------------------------------------------------- what is colorized */

/** The greatest sample of an image in the encoding of sRGB; 0 where an interpretation has another one. */
static double full_scale(VipsInterpretation interpretation) {
    switch (interpretation) {
    case VIPS_INTERPRETATION_B_W:
    case VIPS_INTERPRETATION_sRGB:
        return 255;
    case VIPS_INTERPRETATION_GREY16:
    case VIPS_INTERPRETATION_RGB16:
        return 65535;
    default:
        return 0;
    }
}

static VipsInterpretation in_colour(VipsInterpretation interpretation) {
    switch (interpretation) {
    case VIPS_INTERPRETATION_B_W:
        return VIPS_INTERPRETATION_sRGB;
    case VIPS_INTERPRETATION_GREY16:
        return VIPS_INTERPRETATION_RGB16;
    default:
        return interpretation;
    }
}

/** Whether samples are taken as they are: 8 bits, 16 bits, and linear floats. */
static gboolean is_native(VipsInterpretation interpretation, VipsBandFormat format) {
    return (format == VIPS_FORMAT_UCHAR && full_scale(interpretation) == 255) ||
           (format == VIPS_FORMAT_USHORT && full_scale(interpretation) == 65535) ||
           (format == VIPS_FORMAT_FLOAT && interpretation == VIPS_INTERPRETATION_scRGB);
}

/** Parts an image into its colour and other bands. Other numbers than is_native() in the encoding of sRGB become floats
 *  from 0 to 1; every other space is converted to scRGB. `rest` stays NULL when there is no other band. */
static int take_colour(VipsObject *scope, VipsImage *in, Colour *colour, VipsImage **rest) {
    VipsImage **t = (VipsImage **)vips_object_local_array(scope, 6);
    if (vips_image_decode(in, &t[0])) return -1;
    VipsImage *image = t[0];
    VipsInterpretation space = vips_image_guess_interpretation(image);
    const gboolean known = full_scale(space) > 0 || is_native(space, image->BandFmt);
    if (!known) {
        space = VIPS_INTERPRETATION_scRGB;
        if (vips_colourspace(image, &t[1], space, NULL)) return -1;
        image = t[1];
    }
    const int bands = in_colour(space) == space ? 3 : 1;
    if (vips_check_bands_atleast("colorizer", image, bands) || vips_extract_band(image, &t[2], 0, "n", bands, NULL) ||
        (image->Bands > bands && vips_extract_band(image, &t[3], bands, "n", image->Bands - bands, NULL)))
        return -1;
    *rest = t[3];
    *colour = (Colour){.image = t[2], .space = in_colour(space), .scale = 1, .own_space = known && bands == 3};
    if (is_native(space, image->BandFmt)) return 0;
    colour->scale = 1 / full_scale(space);
    if (vips_linear1(t[2], &t[4], colour->scale, 0, NULL) || vips_cast(t[4], &t[5], VIPS_FORMAT_FLOAT, NULL)) return -1;
    colour->image = t[5];
    return 0;
}

static int32_t transfer_of(const Colour *colour) {
    return colour->space == VIPS_INTERPRETATION_scRGB ? COLORIZER_TRANSFER_LINEAR : COLORIZER_TRANSFER_SRGB;
}

/** A region, or memory, as the library sees it. */
static colorizer_image view(const VipsImage *image, int32_t transfer, void *data, size_t stride, int width,
                            int height) {
    static const int32_t gray[] = {COLORIZER_GRAY_U8, COLORIZER_GRAY_U16, COLORIZER_GRAY_F32};
    static const int32_t rgb[] = {COLORIZER_RGB_U8, COLORIZER_RGB_U16, COLORIZER_RGB_F32};
    const int sample = image->BandFmt == VIPS_FORMAT_UCHAR ? 0 : image->BandFmt == VIPS_FORMAT_USHORT ? 1 : 2;
    return (colorizer_image){.struct_size = sizeof(colorizer_image),
                             .format = image->Bands == 1 ? gray[sample] : rgb[sample],
                             .width = width,
                             .height = height,
                             .transfer = transfer,
                             .data = {data},
                             .stride = {(int64_t)stride},
                             .size = {stride * ((size_t)height - 1) + VIPS_IMAGE_SIZEOF_PEL(image) * (size_t)width}};
}

/* ---------------------------------------------------------------- the two halves */

static int open_handle(VipsColorizer *op) {
    int32_t status = colorizer_open(&op->handle, op->model, NULL);
    if (status != COLORIZER_OK) return fail(op, "open", status);
    status = colorizer_set_i(op->handle, COLORIZER_KEY_THREADS, VIPS_MIN(vips_concurrency_get(), 64));
    if (status == COLORIZER_OK) status = colorizer_set_i(op->handle, COLORIZER_KEY_SIZE, op->size);
    if (status == COLORIZER_OK) status = colorizer_set_f(op->handle, COLORIZER_KEY_STRENGTH, op->strength);
    if (status == COLORIZER_OK && vips_object_argument_isset(VIPS_OBJECT(op), "vividness"))
        status = colorizer_set_f(op->handle, COLORIZER_KEY_VIVIDNESS, op->vividness);
    return status == COLORIZER_OK ? 0 : fail(op, "settings", status);
}

/** The first half: shows the network the image, shrunk as long as its short side stays above what the network can see.
 *  Small images are shown as they are, and so come out as colorizer_colorize() makes them. */
static int analyze(VipsColorizer *op, const Colour *colour) {
    VipsImage **t = (VipsImage **)vips_object_local_array(VIPS_OBJECT(op), 1);
    const int side = VIPS_MIN(colour->image->Xsize, colour->image->Ysize);
    const int factor = VIPS_MAX(1, side / VIPS_MAX(PREVIEW_SIDE, 2 * op->size));
    if (vips_shrink(colour->image, &t[0], factor, factor, NULL)) return -1;
    void *pixels = vips_image_write_to_memory(t[0], NULL);
    if (pixels == NULL) return -1;
    const colorizer_image small =
        view(t[0], transfer_of(colour), pixels, VIPS_IMAGE_SIZEOF_LINE(t[0]), t[0]->Xsize, t[0]->Ysize);
    const int32_t status = colorizer_analyze(op->handle, &small);
    g_free(pixels);
    return status == COLORIZER_OK ? 0 : fail(op, "analyze", status);
}

/** The second half: renders a region that the pipeline asks for. */
static int generate(VipsRegion *out, void *seq, void *a, void *b, gboolean *stop) {
    VipsRegion *in = seq;
    VipsColorizer *op = b;
    const VipsRect *r = &out->valid;
    (void)a;
    (void)stop;
    if (vips_region_prepare(in, r)) return -1;
    const colorizer_region at = {.struct_size = sizeof at,
                                 .x = r->left,
                                 .y = r->top,
                                 .frame_width = out->im->Xsize,
                                 .frame_height = out->im->Ysize};
    const colorizer_image src = view(in->im, op->transfer, VIPS_REGION_ADDR(in, r->left, r->top),
                                     (size_t)VIPS_REGION_LSKIP(in), r->width, r->height);
    const colorizer_image dst = view(out->im, op->transfer, VIPS_REGION_ADDR(out, r->left, r->top),
                                     (size_t)VIPS_REGION_LSKIP(out), r->width, r->height);
    g_mutex_lock(&op->lock);
    const int32_t status = colorizer_render(op->handle, &src, &dst, &at);
    const int failed = status == COLORIZER_OK ? 0 : fail(op, "render", status);
    g_mutex_unlock(&op->lock);
    return failed;
}

/** The colour bands in colour: their pixels come from generate(). */
static int colour_image(VipsColorizer *op, const Colour *colour, VipsImage **out) {
    VipsImage *own = *out = vips_image_new();
    if (vips_image_pipelinev(own, VIPS_DEMAND_STYLE_FATSTRIP, colour->image, NULL)) return -1;
    own->Bands = 3;
    own->Type = colour->space;
    if (!colour->own_space) vips_image_remove(own, VIPS_META_ICC_NAME);
    op->transfer = transfer_of(colour);
    return vips_image_generate(own, vips_start_one, generate, vips_stop_one, colour->image, op);
}

/** Colours as numbers of the input's range again, with the other bands behind them. */
static int finish(VipsColorizer *op, const Colour *colour, VipsImage *rest, VipsImage *coloured) {
    VipsImage **t = (VipsImage **)vips_object_local_array(VIPS_OBJECT(op), 3);
    VipsImage *out = coloured;
    if (colour->scale != 1) {
        if (vips_linear1(out, &t[0], 1 / colour->scale, 0, NULL)) return -1;
        out = t[0];
    }
    if (rest != NULL) {
        if (vips_cast(rest, &t[1], out->BandFmt, NULL) || vips_bandjoin2(out, t[1], &t[2], NULL)) return -1;
        out = t[2];
    }
    g_object_set(op, "out", vips_image_new(), NULL);
    return vips_image_write(out, op->out);
}

/* ---------------------------------------------------------------- the operation */

static int build(VipsObject *object) {
    VipsColorizer *op = (VipsColorizer *)object;
    VipsImage **t = (VipsImage **)vips_object_local_array(object, 2);
    Colour colour, small;
    VipsImage *rest, *unused;
    if (VIPS_OBJECT_CLASS(vips_colorizer_parent_class)->build(object)) return -1;
    VipsImage *in = op->in;
    if (op->preview == NULL && vips_image_is_sequential(in)) { /* it will be read twice */
        if ((t[0] = vips_image_copy_memory(in)) == NULL) return -1;
        in = t[0];
    }
    if (in->Xsize > COLORIZER_MAX_SIDE || in->Ysize > COLORIZER_MAX_SIDE) {
        vips_error("colorizer", "%d x %d is too large: a side has at most %d pixels", in->Xsize, in->Ysize,
                   COLORIZER_MAX_SIDE);
        return -1;
    }
    if (open_handle(op) || take_colour(object, in, &colour, &rest)) return -1;
    if (op->preview == NULL)
        small = colour;
    else if (take_colour(object, op->preview, &small, &unused))
        return -1;
    return analyze(op, &small) || colour_image(op, &colour, &t[1]) || finish(op, &colour, rest, t[1]) ? -1 : 0;
}

/** With a preview the input is read once, from top to bottom, and may come from a decoder that can do no more. */
static VipsOperationFlags get_flags(VipsOperation *operation) {
    return ((VipsColorizer *)operation)->preview != NULL ? VIPS_OPERATION_SEQUENTIAL : VIPS_OPERATION_NONE;
}

static void finalize(GObject *object) {
    VipsColorizer *op = (VipsColorizer *)object;
    colorizer_close(op->handle);
    g_mutex_clear(&op->lock);
    G_OBJECT_CLASS(vips_colorizer_parent_class)->finalize(object);
}

static void vips_colorizer_class_init(VipsColorizerClass *class) {
    GObjectClass *gobject_class = G_OBJECT_CLASS(class);
    VipsObjectClass *object_class = VIPS_OBJECT_CLASS(class);
    gobject_class->set_property = vips_object_set_property;
    gobject_class->get_property = vips_object_get_property;
    gobject_class->finalize = finalize;
    object_class->nickname = "colorizer";
    object_class->description = "colorize a gray photograph";
    object_class->build = build;
    class->get_flags = get_flags;
    VIPS_ARG_IMAGE(class, "in", 1, "Input", "Photograph to colorize", VIPS_ARGUMENT_REQUIRED_INPUT,
                   G_STRUCT_OFFSET(VipsColorizer, in));
    VIPS_ARG_IMAGE(class, "out", 2, "Output", "The same in colour", VIPS_ARGUMENT_REQUIRED_OUTPUT,
                   G_STRUCT_OFFSET(VipsColorizer, out));
    VIPS_ARG_DOUBLE(class, "strength", 3, "Strength", "How much of the colour is applied", VIPS_ARGUMENT_OPTIONAL_INPUT,
                    G_STRUCT_OFFSET(VipsColorizer, strength), 0, 1, 1);
    VIPS_ARG_DOUBLE(class, "vividness", 4, "Vividness", "How vivid the colours are (default: the model's)",
                    VIPS_ARGUMENT_OPTIONAL_INPUT, G_STRUCT_OFFSET(VipsColorizer, vividness), 0, 2, 1);
    VIPS_ARG_INT(class, "size", 5, "Size", "Short side at which the network looks, from 32; 0: the model's",
                 VIPS_ARGUMENT_OPTIONAL_INPUT, G_STRUCT_OFFSET(VipsColorizer, size), 0, 1024, 0);
    VIPS_ARG_STRING(class, "model", 6, "Model", "A .czw file instead of the built-in model",
                    VIPS_ARGUMENT_OPTIONAL_INPUT, G_STRUCT_OFFSET(VipsColorizer, model), NULL);
    VIPS_ARG_IMAGE(class, "preview", 7, "Preview", "A small version to analyze, so that the input is read once",
                   VIPS_ARGUMENT_OPTIONAL_INPUT, G_STRUCT_OFFSET(VipsColorizer, preview));
}

static void vips_colorizer_init(VipsColorizer *op) {
    op->strength = 1;
    op->vividness = 1;
    g_mutex_init(&op->lock);
}

const gchar *g_module_check_init(GModule *module);

/** Called by libvips when it loads the module. */
G_MODULE_EXPORT const gchar *g_module_check_init(GModule *module) {
    (void)module;
    vips_colorizer_get_type();
    return NULL;
}
