/* SPDX-License-Identifier: BSD-2-Clause
 *
 * libcolorizer: colorizes gray photographs with a neural network on an ordinary CPU.
 *
 *     colorizer *c = NULL;
 *     if (colorizer_open(&c, NULL, NULL) == COLORIZER_OK) {
 *         int32_t status = colorizer_colorize(c, &gray, &colour);
 *         colorizer_close(c);
 *     }
 *
 * Conventions, for every function here:
 * - A function that can fail returns COLORIZER_OK (0) or a negative COLORIZER_E_ code; colorizer_strerror()
 *   names the code, colorizer_last_error() gives the detail of the last failure on a handle.
 * - Every struct begins with `struct_size`, which the caller sets to sizeof of the struct it was compiled with.
 *   Fields past a caller's struct_size take their zero default, so an older program runs with a newer library.
 * - A handle serves one call at a time: a second call from another thread gets COLORIZER_E_BUSY and changes
 *   nothing. colorizer_cancel() alone may be called at any time. colorizer_clone() gives another thread a handle
 *   of its own on the same weights.
 * - The library never prints, aborts, or touches errno, the locale or the floating-point environment. It keeps
 *   no pointer of the caller's after a call returns, except: the model bytes of colorizer_open_memory() and
 *   colorizer_open_static(), the buffer of colorizer_open_static(), callbacks and their `user` pointers.
 */
#ifndef COLORIZER_COLORIZER_H
#define COLORIZER_COLORIZER_H

#include <stdint.h>
#include <colorizer/version.h>

#ifndef COLORIZER_API
#if defined(_WIN32)
#define COLORIZER_API
#elif defined(__GNUC__)
#define COLORIZER_API __attribute__((visibility("default")))
#else
#define COLORIZER_API
#endif
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---------------------------------------------------------------- status codes */

/** Status codes. Their values are stable; new ones may be added, so treat an unknown negative value as a failure. */
enum {
    COLORIZER_OK = 0,            /**< Done. */
    COLORIZER_E_ARGUMENT = -1,   /**< A pointer that must not be NULL is, or a struct_size or count is wrong. */
    COLORIZER_E_MEMORY = -2,     /**< The allocator returned NULL. */
    COLORIZER_E_IO = -3,         /**< The model file could not be read. */
    COLORIZER_E_FORMAT = -4,     /**< The bytes are not a well-formed .czw model. */
    COLORIZER_E_VERSION = -5,    /**< The model needs a newer library: unknown version, flag, operator or type. */
    COLORIZER_E_CHECKSUM = -6,   /**< The model is damaged: a checksum does not match. */
    COLORIZER_E_MODEL = -7,      /**< The model is well-formed but its graph is not valid or not a colorizer. */
    COLORIZER_E_IMAGE_SIZE = -8, /**< Width or height is out of range, or source and destination differ in size. */
    COLORIZER_E_PIXEL_FORMAT =
        -9, /**< Unknown pixel format, transfer, primaries or alpha, or one that does not serve here. */
    COLORIZER_E_STRIDE = -10,      /**< A stride is smaller than a row, or not a multiple of the sample's size. */
    COLORIZER_E_BUFFER = -11,      /**< A buffer's byte size does not hold the image, or its pointer is misaligned. */
    COLORIZER_E_OVERLAP = -12,     /**< Source and destination overlap without being the same image. */
    COLORIZER_E_KEY = -13,         /**< Unknown setting, one of the other type, or one that can only be read. */
    COLORIZER_E_RANGE = -14,       /**< A value is outside its documented range, or not finite. */
    COLORIZER_E_BUSY = -15,        /**< Another call is running on this handle. */
    COLORIZER_E_CANCELLED = -16,   /**< colorizer_cancel() or the progress callback stopped the call. */
    COLORIZER_E_WORKSPACE = -17,   /**< The static buffer is too small for this image, or not aligned to 64 bytes. */
    COLORIZER_E_NO_MODEL = -18,    /**< The library was built without a model; give a path or bytes. */
    COLORIZER_E_UNSUPPORTED = -19, /**< Left out of this build (say, files in a build without stdio). */
    COLORIZER_E_STATE = -20        /**< The call needs another one first (confidence before any colorize). */
};

/* ---------------------------------------------------------------- images */

/** Pixel formats: the channel order in memory and the type of a sample, native byte order, interleaved in plane 0.
 *  u8 0..255, u16 0..65535; f32 and f16 (IEEE 754 binary16) nominally 0..1.
 *  Float samples outside 0..1 are light above white or outside the primaries. A pixel whose luminance is above 1 or
 *  below 0 keeps that luminance and becomes gray. NaN and -Inf are read as 0, +Inf as 1; light is held within
 *  +-2^64, and what is written as f16 within +-65504. No pixel's value reaches its neighbours' colours but as 0..1. */
enum {
    COLORIZER_GRAY_U8 = 0x0101,
    COLORIZER_GRAY_U16 = 0x0102,
    COLORIZER_GRAY_F32 = 0x0103,
    COLORIZER_GRAY_F16 = 0x0104,
    COLORIZER_GRAYA_U8 = 0x0201,
    COLORIZER_GRAYA_U16 = 0x0202,
    COLORIZER_GRAYA_F32 = 0x0203,
    COLORIZER_GRAYA_F16 = 0x0204,
    COLORIZER_RGB_U8 = 0x0301,
    COLORIZER_RGB_U16 = 0x0302,
    COLORIZER_RGB_F32 = 0x0303,
    COLORIZER_RGB_F16 = 0x0304,
    COLORIZER_RGBA_U8 = 0x0401,
    COLORIZER_RGBA_U16 = 0x0402,
    COLORIZER_RGBA_F32 = 0x0403,
    COLORIZER_RGBA_F16 = 0x0404,
    COLORIZER_BGR_U8 = 0x0501,
    COLORIZER_BGR_U16 = 0x0502,
    COLORIZER_BGR_F32 = 0x0503,
    COLORIZER_BGR_F16 = 0x0504,
    COLORIZER_BGRA_U8 = 0x0601,
    COLORIZER_BGRA_U16 = 0x0602,
    COLORIZER_BGRA_F32 = 0x0603,
    COLORIZER_BGRA_F16 = 0x0604,
    /** Chroma alone, as a destination: plane 0 is CIELAB a, plane 1 is b (white D65), one f32 each a pixel, as they are
     *  after strength and gamut mapping into `primaries`. transfer is of no meaning. */
    COLORIZER_AB_F32 = 0x0703,
    /** Video. Plane 0 is luma Y', one byte a pixel, 16..235; plane 1 is Cb, Cr, two bytes for each 2 x 2 pixels (sides
     *  rounded up), 16..240; by the weights of `primaries`: ITU-R BT.709's for 0, BT.2020's for BT2020. As a source
     *  plane 0 is read and plane 1 is not looked at. As a destination plane 0 receives the photograph's Y', or is not
     *  written where data[0] is NULL; Cb and Cr are such that a decoder with that Y' shows the colours at the
     *  photograph's luma. Parts of a photograph begin at even x and y and, unless at its end, are even in size. */
    COLORIZER_NV12_U8 = 0x0801,
    COLORIZER_NV12_FULL_U8 = 0x0901 /**< The same in full range, as JPEG's: 0..255 all. */
};

/** Transfer function between samples and linear light. Floats below 0 and above 1 follow the same formula, with the
 *  sign of the sample; on a curve, which ends there, they are held at 0 and 1. */
enum {
    COLORIZER_TRANSFER_SRGB = 0,   /**< IEC 61966-2-1, also Display P3; the default. */
    COLORIZER_TRANSFER_LINEAR = 1, /**< Samples are proportional to light. */
    COLORIZER_TRANSFER_GAMMA = 2,  /**< light = sample ^ colorizer_image.gamma. */
    COLORIZER_TRANSFER_CURVE = 3   /**< A table, say of an ICC profile: colorizer_image.curve. */
};

/** Red, green and blue of the samples. Source and destination may differ: their colours are converted, between
 *  white points by Bradford's adaptation, as ICC profiles are. Colours are fitted into the destination's gamut.
 *  Luminance is, in every space, the Y that a colour has once white is adapted to D65: rows (0.2126, 0.7152, 0.0722)
 *  for sRGB. */
enum {
    COLORIZER_PRIMARIES_SRGB = 0,       /**< ITU-R BT.709, white D65; the default. */
    COLORIZER_PRIMARIES_DISPLAY_P3 = 1, /**< SMPTE EG 432-1 with white D65. */
    COLORIZER_PRIMARIES_ADOBE_RGB = 2,  /**< Adobe RGB (1998), D65. Its transfer is a gamma of 2.19921875. */
    COLORIZER_PRIMARIES_PROPHOTO = 3,   /**< ROMM RGB, ISO 22028-2, white D50. Its transfer is a gamma of 1.8 (but for
                                             a linear piece below 1/512, which a curve can hold). */
    COLORIZER_PRIMARIES_BT2020 = 4,     /**< ITU-R BT.2020, D65. */
    COLORIZER_PRIMARIES_MATRIX = 5      /**< colorizer_image.matrix. */
};

/** What the colour samples of a format with alpha hold. Alpha itself is copied as it is. */
enum {
    COLORIZER_ALPHA_STRAIGHT = 0,     /**< The colour; the default. */
    COLORIZER_ALPHA_PREMULTIPLIED = 1 /**< The colour's sample, after the transfer function, times alpha. Where alpha is
                                           0 (or below, or NaN) colour samples are read and written as 0. */
};

/** Largest width or height of an image, in pixels. */
#define COLORIZER_MAX_SIDE 65535

/** One image in the caller's memory.
 *
 *  Rows lie `stride` bytes apart. With stride >= 0 the top row begins at `data`; with a negative stride the image
 *  is stored bottom-up: `data` is still the lowest address, where the bottom row begins, and row y begins
 *  (height - 1 - y) * -stride bytes after it. `size` is the number of bytes at `data`; every row's pixels must lie
 *  inside (checked before any access). Bytes between the end of a row's pixels and the next row are neither read
 *  nor written. `data` and `stride` must be multiples of the sample's size (1, 2 or 4 bytes).
 *  Planes that a format does not use must be zero. */
typedef struct colorizer_image {
    uint32_t struct_size; /**< sizeof(colorizer_image). */
    int32_t format;       /**< A pixel format, COLORIZER_GRAY_U8 ... */
    int32_t width;        /**< Pixels a row, 1..COLORIZER_MAX_SIDE. */
    int32_t height;       /**< Rows, 1..COLORIZER_MAX_SIDE. */
    int32_t transfer;     /**< COLORIZER_TRANSFER_...; 0 is sRGB. */
    int32_t reserved;     /**< Must be 0. */
    void *data[4];        /**< Lowest address of each plane. */
    int64_t stride[4];    /**< Bytes from a row to the next below it; negative: bottom-up. */
    uint64_t size[4];     /**< Bytes at data[i]. */
    const float *curve;   /**< With COLORIZER_TRANSFER_CURVE: curve_size values, the light at the samples
                               i / (curve_size - 1), straight between them: never falling, the first 0, the last 1. Read
                               during the call only. */
    uint32_t curve_size;  /**< 2..65536 with COLORIZER_TRANSFER_CURVE. */
    float gamma;          /**< With COLORIZER_TRANSFER_GAMMA: the exponent, 1..4. */
    int32_t primaries;    /**< COLORIZER_PRIMARIES_...; 0 is sRGB. */
    int32_t alpha;        /**< COLORIZER_ALPHA_...; 0 is straight. */
    float matrix[9];      /**< With COLORIZER_PRIMARIES_MATRIX: linear red, green, blue to CIE X, Y, Z, row by row, in
                               any unit; (1, 1, 1) gives the space's white, or D50 in an ICC profile's matrix.
                               Invertible, and green holds the largest share of luminance. */
    int32_t reserved2;    /**< Must be 0. */
} colorizer_image;

/** How a hint gives its colour. */
enum {
    COLORIZER_HINT_SRGB = 0, /**< red, green, blue. */
    COLORIZER_HINT_AB = 1    /**< a, b. */
};

/** A colour the user wants at a place, or along a stroke: a straight line. A curved stroke is several hints. */
typedef struct colorizer_hint {
    uint32_t struct_size; /**< sizeof(colorizer_hint). */
    float x;              /**< Column, in pixels of the source image; 0.5 is the centre of the first. */
    float y;              /**< Row, likewise. */
    float radius;         /**< Radius of the spot in pixels of the source; 0 takes a small spot. */
    float red;            /**< The colour in sRGB, 0..1. Its hue and chroma are used; lightness stays the photo's. */
    float green;          /**< See red. */
    float blue;           /**< See red. */
    float dx;             /**< The stroke goes from x, y to x + dx, y + dy; both 0: a point. */
    float dy;             /**< See dx. */
    float weight;  /**< How much of the way to its colour a hint goes, 0..1, where no other is near; 0 means 1. */
    int32_t space; /**< COLORIZER_HINT_SRGB or COLORIZER_HINT_AB. */
    float a;       /**< The colour in CIELAB under D65, -128..128; red, green and blue are then not looked at. */
    float b;       /**< See a. */
} colorizer_hint;

/* ---------------------------------------------------------------- opening and closing */

/** A colorizer: a model, settings, and the memory to run it. Opaque. */
typedef struct colorizer colorizer;

/** Gives `size` bytes at a multiple of `alignment` (a power of two, at most 64), or NULL. */
typedef void *(*colorizer_alloc_fn)(void *user, uint64_t size, uint64_t alignment);
/** Takes back what a colorizer_alloc_fn gave; `size` is the size that was asked for. `ptr` is never NULL. */
typedef void (*colorizer_free_fn)(void *user, void *ptr, uint64_t size);

/** What is fixed when a handle is opened. All fields zero but struct_size gives the defaults, as NULL does. */
typedef struct colorizer_options {
    uint32_t struct_size;     /**< sizeof(colorizer_options). */
    int32_t threads;          /**< Threads, 1..64; 0: one for each processor, at most 64. See COLORIZER_KEY_THREADS. */
    colorizer_alloc_fn alloc; /**< The handle's allocator; both NULL: malloc and free. Thread safe only if clones are
                                   used from several threads. */
    colorizer_free_fn free;   /**< Goes with alloc. */
    void *alloc_user;         /**< Handed to alloc and free. */
    int32_t cpu;              /**< Highest instruction set to use, COLORIZER_CPU_...; 0: the best there is. The result
                                   is the same bits on each. */
    int32_t reserved;         /**< Must be 0. */
} colorizer_options;

/** Instruction sets, for colorizer_options.cpu and COLORIZER_KEY_CPU. The environment variable COLORIZER_CPU
 *  (scalar, avx2, avx512, neon) lowers the choice too; it is meant for tests. */
enum {
    COLORIZER_CPU_BEST = 0,
    COLORIZER_CPU_SCALAR = 1,
    COLORIZER_CPU_AVX2 = 2,   /**< x86-64 with AVX2, FMA and F16C. */
    COLORIZER_CPU_AVX512 = 3, /**< x86-64 with AVX-512 F, BW, DQ, VL, VNNI. */
    COLORIZER_CPU_NEON = 4    /**< AArch64. */
};

/** Opens a model file, or the built-in model when `model_path` is NULL.
 *  The built-in model is used in place; the first call packs its weights. A file, of at most 1 GiB, is read once from
 *  its beginning to its end and closed before this returns; its weights are packed as they are read, so that they lie
 *  in memory once.
 *  @param out receives the handle; NULL on failure.
 *  @param model_path file name in the system's encoding, or NULL.
 *  @param options NULL for defaults.
 *  @return OK, E_ARGUMENT, E_MEMORY, E_IO, E_NO_MODEL, E_UNSUPPORTED, or one of the model errors E_FORMAT, E_VERSION,
 *          E_CHECKSUM, E_MODEL. Thread safe. */
COLORIZER_API int32_t colorizer_open(colorizer **out, const char *model_path, const colorizer_options *options);

/** Opens a model in memory. The bytes are used in place: they must stay as they are until the last handle on them,
 *  clones included, is closed. `model` must be aligned to 64 bytes (E_BUFFER otherwise).
 *  @return as colorizer_open(). Thread safe. */
COLORIZER_API int32_t colorizer_open_memory(colorizer **out, const void *model, uint64_t model_size,
                                            const colorizer_options *options);

/** The bytes that colorizer_open_static() needs for images up to width x height, exactly: one byte less is refused.
 *  Runs the same code as opening and planning do, with the options' allocator for a moment. The figure depends on
 *  the model, the options (threads, cpu), the working size and the size of a pointer, not on the machine.
 *  @param model NULL: the built-in model (model_size is then ignored).
 *  @param working_size short side the network will work at, as COLORIZER_KEY_SIZE; 0: the model's own.
 *  @param out receives the number of bytes.
 *  @return as colorizer_open(), E_IMAGE_SIZE or E_RANGE. Thread safe. */
COLORIZER_API int32_t colorizer_workspace_size(const void *model, uint64_t model_size, const colorizer_options *options,
                                               int32_t width, int32_t height, int32_t working_size, uint64_t *out);

/** Opens a model inside the caller's buffer: from then on the handle calls no allocator. Images up to the size given
 *  to colorizer_workspace_size() fit; others may get E_WORKSPACE. The handle cannot be cloned. options->alloc and
 *  free must be NULL; options->threads 0 means 1 here; threads above 1 need a host runner.
 *  @param buffer aligned to 64 bytes; belongs to the handle until colorizer_close().
 *  @param model as in colorizer_open_memory(), or NULL for the built-in one.
 *  @return as colorizer_open_memory(), or E_WORKSPACE. */
COLORIZER_API int32_t colorizer_open_static(colorizer **out, void *buffer, uint64_t buffer_size, const void *model,
                                            uint64_t model_size, const colorizer_options *options);

/** Makes another handle on the same weights, with a copy of the settings, hints and callbacks.
 *  The weights are freed when the last of the handles is closed. The handles serve different threads at once.
 *  @return OK, E_ARGUMENT, E_MEMORY, E_BUSY or E_UNSUPPORTED (a static handle). */
COLORIZER_API int32_t colorizer_clone(colorizer *c, colorizer **out);

/** Closes a handle; NULL does nothing. No other call may be running on it. */
COLORIZER_API void colorizer_close(colorizer *c);

/* ---------------------------------------------------------------- colorizing */

/** Colorizes `src` into `dst`: same width and height, any format with colour.
 *
 *  A colour or tinted source is taken by its luminance (linear light; see COLORIZER_PRIMARIES_SRGB). For every pixel
 * the output's luminance is the input's, to within 1 of 255 (u8) or 1 of 65535 (u16). Alpha is copied, or opaque where
 * the source has none. `src` and `dst` may be the same image (same data, stride, format and size) and differ in
 * transfer, primaries and alpha; any other overlap is refused. On a cancelled call rows of `dst` may hold old or new
 * pixels. Memory beyond the two images does not grow with their height.
 *  @return OK, E_ARGUMENT, E_IMAGE_SIZE, E_PIXEL_FORMAT, E_RANGE (gamma, curve or matrix), E_STRIDE, E_BUFFER,
 *          E_OVERLAP, E_MEMORY, E_WORKSPACE, E_BUSY, E_CANCELLED, E_MODEL. On an error other than E_CANCELLED `dst` is
 * untouched. */
COLORIZER_API int32_t colorizer_colorize(colorizer *c, const colorizer_image *src, const colorizer_image *dst);

/** The first half of colorizer_colorize(): the network looks at `src`, with hints, vividness, palette and tint as they
 * are set, and the handle keeps what it found (a few megabytes) until the next colorizer_analyze() or
 * colorizer_colorize(). `src` may be a small version of a photograph: the network works on a short side of some hundred
 * pixels anyway.
 *  @return as colorizer_colorize() for its source. */
COLORIZER_API int32_t colorizer_analyze(colorizer *c, const colorizer_image *src);

/** A part of a photograph, in a frame of any size: the whole photograph as it was analyzed, or larger, or smaller. */
typedef struct colorizer_region {
    uint32_t struct_size; /**< sizeof(colorizer_region). */
    int32_t x;            /**< Column of the frame where the part begins, 0 .. frame_width - the part's width. */
    int32_t y;            /**< Row of the frame where it begins. */
    int32_t frame_width;  /**< Size of the frame, 1..COLORIZER_MAX_SIDE, or both 0: that of the image analyzed. */
    int32_t frame_height; /**< See frame_width. */
    const colorizer_image *mask; /**< NULL, or an image of the part's size in a GRAY format: how much of the strength
                                      each pixel takes, 0..1, whatever its transfer. Read during the call only; must
                                      not overlap `dst`. */
} colorizer_region;

/** The second half: colours a part of the photograph that was analyzed, with the strengths as they are set. `src` holds
 * the part's pixels and `dst` receives them; images as for colorizer_colorize(). Parts rendered one by one are, pixel
 * for pixel, the whole rendered at once, so a host may hold a strip or a tile at a time, and a preview and the original
 * of a hundred megapixels share one analysis.
 *  @param region where the part lies; NULL: the part is the whole frame.
 *  @return as colorizer_colorize(), E_STATE when nothing is analyzed, or E_RANGE (the part is not inside the frame). */
COLORIZER_API int32_t colorizer_render(colorizer *c, const colorizer_image *src, const colorizer_image *dst,
                                       const colorizer_region *region);

/** Fills or takes a strip: rows y .. y + strip->height - 1 of the frame. `strip` is as the caller of
 *  colorizer_render_strips() gave it, but for the last one's height. Non-zero cancels. Runs on the thread that called.
 */
typedef int32_t (*colorizer_strip_fn)(void *user, const colorizer_image *strip, int32_t y);

/** colorizer_render() of a whole frame that is nowhere in memory: strip after strip, from the top, `read` fills `src`
 *  and `write` takes `dst`. Their height is that of a strip, any number of rows (of NV12 an even one); they may be the
 *  same image. Progress and cancelling are those of the whole call. Pixels are those of one colorizer_render().
 *  @param height of the frame, 1..COLORIZER_MAX_SIDE; its width is that of `src` and `dst`.
 *  @param read must not be NULL.
 *  @param write must not be NULL.
 *  @return as colorizer_render(). Everything is checked before `read` is called for the first time. */
COLORIZER_API int32_t colorizer_render_strips(colorizer *c, const colorizer_image *src, const colorizer_image *dst,
                                              int32_t height, colorizer_strip_fn read, colorizer_strip_fn write,
                                              void *user);

/** Writes how sure the network was of the last colorize on this handle: gray, 0 to white (1), the probability that the
 *  true colour lies within 15 of the one given (distance in CIELAB a, b, before gamut mapping), as the network's
 *  distribution of colours in the photographs it was trained on has it. Bilinear to the size of `dst`.
 *  @param dst any GRAY format, any size; transfer is ignored.
 *  @return OK, E_STATE when nothing was colorized yet, E_BUSY, or the image errors of colorizer_colorize(). */
COLORIZER_API int32_t colorizer_confidence(colorizer *c, const colorizer_image *dst);

/** Asks the call running on `c` to stop soon with E_CANCELLED; does nothing when none is running.
 *  May be called from any thread and from a signal handler. */
COLORIZER_API void colorizer_cancel(colorizer *c);

/** Most hints a handle holds. */
#define COLORIZER_MAX_HINTS 256

/** Sets the colour hints for the following calls, replacing earlier ones; copies them. 0 hints clears.
 *  A hinted place gets the hint's hue and chroma as far as the gamut at its lightness allows, and what is like it in
 *  place, lightness and colour follows (docs/color.md). Where hints lie upon each other the last one counts. Of a
 *  stroke the part inside the image counts, and a point outside does not.
 *  @param hints array of `count` hints; each element's struct_size must be that of the first.
 *  @param count 0..COLORIZER_MAX_HINTS.
 *  @return OK, E_ARGUMENT, E_RANGE (a value not finite or out of its range, a negative radius, too many), E_BUSY. */
COLORIZER_API int32_t colorizer_set_hints(colorizer *c, const colorizer_hint *hints, uint32_t count);

/** A colour that may be meant at a place. */
typedef struct colorizer_suggestion {
    uint32_t struct_size; /**< sizeof(colorizer_suggestion), set by the caller. */
    float probability;    /**< That the true colour lies within about 15 of this one in CIELAB a, b; 0..1. */
    float a;              /**< The colour in CIELAB under D65. */
    float b;              /**< See a. */
    float red;            /**< What it looks like at this place, sRGB, 0..1. */
    float green;          /**< See red. */
    float blue;           /**< See red. */
} colorizer_suggestion;

/** Tells the most probable colours of a place in the photograph that was analyzed, given the hints it was analyzed
 * with, by the distribution of colours that the network learned: no vividness, palette or tint. They lie about 25 and
 *  more apart in a, b; their probabilities fall and add up to at most 1; those below a hundredth are left out, but for
 *  the first. Runs the network.
 *  @param x column, in pixels of the image analyzed, 0 <= x < its width.
 *  @param y row, likewise.
 *  @param out array of `capacity`; each element's struct_size must be that of the first. The rest of it is filled.
 *  @param capacity 1..COLORIZER_MAX_SUGGESTIONS.
 *  @param count receives how many there are: few where the network is sure.
 *  @return OK, E_ARGUMENT, E_RANGE, E_STATE (nothing is analyzed), E_BUSY or E_CANCELLED. */
COLORIZER_API int32_t colorizer_suggest(colorizer *c, float x, float y, colorizer_suggestion *out, uint32_t capacity,
                                        uint32_t *count);

/** Most suggestions a call gives. */
#define COLORIZER_MAX_SUGGESTIONS 16

/** Most alternatives a call gives, and the hints that make one. */
#define COLORIZER_MAX_ALTERNATIVES  8
#define COLORIZER_ALTERNATIVE_HINTS 3

/** Finds other plausible colourings of the photograph that was analyzed: distinct from each other, the most probable
 *  first, each as a few hints. Set the hints of one, behind those the photograph was analyzed with, analyze and render:
 *  the network, shown them, makes the rest agree. The same seed gives the same alternatives, on every processor and for
 *  every number of threads; seed 0 the most probable ones, any other a draw from what is probable. Runs the network
 *  some five times for each alternative; what was analyzed stays.
 *  @param count how many are wanted, 1..COLORIZER_MAX_ALTERNATIVES.
 *  @param probability receives of each the product of its colours' probabilities, each given those before.
 *  @param hints array of `count` times COLORIZER_ALTERNATIVE_HINTS, in pixels of the image analyzed; each element's
 *         struct_size must be that of the first. A hint that is not needed lies outside the image, where it does
 * nothing.
 *  @param found receives how many there are: fewer where the network is sure, or no room for hints is left.
 *  @return OK, E_ARGUMENT, E_RANGE, E_STATE (nothing is analyzed), E_BUSY or E_CANCELLED. */
COLORIZER_API int32_t colorizer_alternatives(colorizer *c, uint64_t seed, uint32_t count, float *probability,
                                             colorizer_hint *hints, uint32_t *found);

/** Most colours of a palette. */
#define COLORIZER_MAX_PALETTE 16

/** Sets a palette for the following analyses: colours that are near one of its colours become more probable, so that
 * what the network is unsure of takes them. What it is sure of stays; hints stand above the palette.
 *  @param colours `count` times red, green, blue: sRGB, 0..1; of each the hue and chroma count. Copied.
 *  @param count 0..COLORIZER_MAX_PALETTE; 0: no palette.
 *  @param strength 0 (no effect) .. 1.
 *  @return OK, E_ARGUMENT, E_RANGE or E_BUSY. */
COLORIZER_API int32_t colorizer_set_palette(colorizer *c, const float *colours, uint32_t count, float strength);

/** Hues that have a strength of their own: CIELAB hue angles 0 (red), 45 (orange), 90 (yellow), 135 (green), 180
 *  (blue-green), 225 (blue), 270 (violet-blue), 315 (purple) degrees. */
#define COLORIZER_HUES 8

/** Sets how strong each range of hues comes out, 0 (gray) .. 2 (twice the chroma); 1 is the default. Between two hues
 * of the list it changes evenly. It takes effect in the next colorizer_render(), without another analysis.
 *  @param strength array of COLORIZER_HUES; NULL: all 1.
 *  @return OK, E_ARGUMENT, E_RANGE or E_BUSY. */
COLORIZER_API int32_t colorizer_set_hues(colorizer *c, const float *strength);

/* ---------------------------------------------------------------- settings */

/** Settings, for colorizer_set_i/f and colorizer_get_i/f. */
enum {
    /** i: threads to use, 1..64; 0: one for each processor (1 in a static handle). The result does not depend on it. */
    COLORIZER_KEY_THREADS = 1,
    /** i: working size: the short side, in pixels, at which the network sees the photograph, 32..1024; 0: the model's
     *  own. The long side follows the photograph's shape, to at most four times the short side. */
    COLORIZER_KEY_SIZE = 2,
    /** f: how much of the colour is applied, 0 (gray) .. 1 (all; the default). */
    COLORIZER_KEY_STRENGTH = 3,
    /** f: how vivid, 0 (the safe mean of all plausible colours, pale) .. 2; default: the model's, usually 1, the
     * picture that the network takes for likest to a colour photograph. A model without an opinion on that gives the
     * safe mean at any vividness. Takes effect in the next analysis. */
    COLORIZER_KEY_VIVIDNESS = 4,
    /** i, read only: the instruction set in use, COLORIZER_CPU_... */
    COLORIZER_KEY_CPU = 5,
    /** i, read only: bytes of memory the handle holds now, without shared weights it did not allocate. */
    COLORIZER_KEY_MEMORY = 6,
    /** f: pulls colours along CIELAB a, -100 (green) .. 100 (red), 0 is the default. What the network is sure of hardly
     *  moves, what it is unsure of follows. Takes effect in the next analysis. */
    COLORIZER_KEY_TINT_A = 7,
    /** f: the same along b, -100 (blue) .. 100 (yellow). */
    COLORIZER_KEY_TINT_B = 8
};

/** Sets an integer setting. @return OK, E_ARGUMENT, E_KEY, E_RANGE or E_BUSY. */
COLORIZER_API int32_t colorizer_set_i(colorizer *c, int32_t key, int64_t value);
/** Sets a real setting. @return OK, E_ARGUMENT, E_KEY, E_RANGE or E_BUSY. */
COLORIZER_API int32_t colorizer_set_f(colorizer *c, int32_t key, double value);
/** Reads an integer setting. @return OK, E_ARGUMENT, E_KEY or E_BUSY. */
COLORIZER_API int32_t colorizer_get_i(colorizer *c, int32_t key, int64_t *value);
/** Reads a real setting. @return OK, E_ARGUMENT, E_KEY or E_BUSY. */
COLORIZER_API int32_t colorizer_get_f(colorizer *c, int32_t key, double *value);

/** Copies a metadata value of the model ("name", "license", ...) as a NUL-terminated UTF-8 string.
 *  @param buffer receives at most size bytes, cut at a character's end if it must be; may be NULL when size is 0.
 *  @param length receives the value's full length in bytes without the NUL; may be NULL.
 *  @return OK, E_ARGUMENT or E_KEY (no such metadata). */
COLORIZER_API int32_t colorizer_metadata(colorizer *c, const char *key, char *buffer, uint64_t size, uint64_t *length);

/* ---------------------------------------------------------------- callbacks */

/** Receives a line of text, without newline, for a developer to read. */
typedef void (*colorizer_log_fn)(void *user, int32_t level, const char *message);
/** Levels of log messages. */
enum { COLORIZER_LOG_ERROR = 1, COLORIZER_LOG_INFO = 2 };
/** Receives the share done, rising from 0 to 1, on the thread that called colorize. Non-zero cancels. */
typedef int32_t (*colorizer_progress_fn)(void *user, float fraction);
/** One task: call with every index once. */
typedef void (*colorizer_task_fn)(void *context, uint32_t index);
/** Calls task(context, i) for every i in 0..count-1, in any order and on any threads, and returns when all have
 *  returned. Running them one after the other on the caller's thread is right too. */
typedef void (*colorizer_runner_fn)(void *user, colorizer_task_fn task, void *context, uint32_t count);

/** Sets the log callback; NULL for none. @return OK, E_ARGUMENT or E_BUSY. */
COLORIZER_API int32_t colorizer_set_log(colorizer *c, colorizer_log_fn log, void *user);
/** Sets the progress callback; NULL for none. @return OK, E_ARGUMENT or E_BUSY. */
COLORIZER_API int32_t colorizer_set_progress(colorizer *c, colorizer_progress_fn progress, void *user);
/** Lets the host run the library's tasks on its own threads; NULL for the library's. The work is split for
 *  COLORIZER_KEY_THREADS threads. @return OK, E_ARGUMENT or E_BUSY. */
COLORIZER_API int32_t colorizer_set_runner(colorizer *c, colorizer_runner_fn runner, void *user);

/* ---------------------------------------------------------------- texts and versions */

/** Names a status code in a few English words; never NULL, static storage. Thread safe. */
COLORIZER_API const char *colorizer_strerror(int32_t status);

/** Copies the detail text of the last failed call on `c` ("dst.stride[0]: 10 is smaller than a row of 30 bytes"),
 *  NUL-terminated; empty after none. With c NULL: the last failed open, workspace_size or NULL-handle call of this
 *  thread. @return the text's full length in bytes without the NUL. */
COLORIZER_API uint64_t colorizer_last_error(colorizer *c, char *buffer, uint64_t size);

/** The library's version as text, "0.1.0". */
COLORIZER_API const char *colorizer_version(void);

/** The library's ABI: major * 65536 + minor; compare with COLORIZER_ABI_MAJOR and _MINOR of the header. */
COLORIZER_API uint32_t colorizer_abi_version(void);

#ifdef __cplusplus
}
#endif
#endif
