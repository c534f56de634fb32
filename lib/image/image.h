/* SPDX-License-Identifier: BSD-2-Clause
 * The colour pipeline, stage by stage. Every stage works in memory that the caller gives; `*_size` and `*_scratch`
 * functions say how much. All results are the same bits for every instruction set, thread count and stride.
 *
 *   cz_image_check    colorizer_image -> cz_pixels
 *   cz_primaries_make, cz_read_luminance, cz_write_pixels: what samples mean, for the stages below
 *   cz_grid_init      the sizes: photograph, working image, padded network input, chroma grid
 *   cz_lightness_rows photograph -> CIELAB L at working size (area average of linear light), row by row
 *   cz_spots          hints -> spots on the working image
 *   cz_network_input  L and spots -> network input [padded_h][padded_w][4]
 *   cz_chroma         network outputs -> ab and confidence on the chroma grid
 *   cz_spread_hints   ab on the chroma grid -> the same, with what the hints miss there
 *   cz_upsample       ab on the chroma grid -> ab as lines over L, at working size, with the spots in place
 *   cz_render_rows    photograph + those lines -> colour photograph, row by row
 *   cz_confidence     confidence on the chroma grid -> a gray image
 *
 * Those that return bool run rows in parallel through cz_exec_for and return false when cancelled. */
#ifndef CZ_IMAGE_IMAGE_H
#define CZ_IMAGE_IMAGE_H

#include "base/error.h"
#include "kernels/color.h"
#include "run/exec.h"

/* ---------------------------------------------------------------- images (pixels.c) */

enum cz_image_role {
    CZ_IMAGE_SOURCE, /* any format */
    CZ_IMAGE_TARGET, /* what has colour */
    CZ_IMAGE_GRAY    /* GRAY whose samples are values 0..1, not light: confidence, masks */
};

/** What the planes of a format are. */
enum cz_kind {
    CZ_KIND_PIXELS,   /* one plane */
    CZ_KIND_AB,       /* a and b */
    CZ_KIND_NV12,     /* luma, which may be missing, and chroma at half the size */
    CZ_KIND_NV12_FULL /* in full range */
};

/** A checked image. */
typedef struct cz_pixels {
    unsigned char *top; /* row 0; row y is at top + y * step */
    ptrdiff_t step;
    unsigned char *second; /* plane 1, likewise; only of targets */
    ptrdiff_t second_step;
    enum cz_kind kind;
    uint32_t width, height;
    cz_layout_px px;
} cz_pixels;

/** Bytes of a sample, and of a pixel. */
static inline size_t cz_sample_bytes(cz_layout_px px) {
    return px.sample == CZ_SAMPLE_F32 ? 4 : px.sample == CZ_SAMPLE_U8 ? 1 : 2;
}
static inline size_t cz_pixel_bytes(cz_layout_px px) { return px.channels * cz_sample_bytes(px); }

/** Copies the caller's struct, older or newer than ours, into *image, whose struct_size is then ours. */
int32_t cz_image_read(const colorizer_image *given, const char *name, colorizer_image *image, cz_error *err);
/** Checks every field and fills *out; errors name `name` ("src") and the field. A struct_size that ends before
 *  size[0] is refused, fields past it are zero; of a larger one the bytes this library does not know must be zero,
 *  else E_ARGUMENT: they would be a setting that is not honoured. */
int32_t cz_image_check(const colorizer_image *image, enum cz_image_role role, const char *name, cz_pixels *out,
                       cz_error *err);
/** Equal sizes; the same image, or no byte of one between the first and the last byte of the other. */
int32_t cz_image_pair_check(const cz_pixels *src, const cz_pixels *dst, cz_error *err);
/** The same of a mask and the image it is for, and never the same image. */
int32_t cz_image_mask_check(const cz_pixels *mask, const cz_pixels *dst, cz_error *err);

static inline unsigned char *cz_row(const cz_pixels *p, size_t y) { return p->top + (ptrdiff_t)y * p->step; }
static inline unsigned char *cz_second_row(const cz_pixels *p, size_t y) {
    return p->second + (ptrdiff_t)y * p->second_step;
}
/** Rows that are rendered together. */
static inline size_t cz_row_group(const cz_pixels *p) { return p->kind >= CZ_KIND_NV12 ? 2 : 1; }

/* ---------------------------------------------------------------- spaces of colour (primaries.c) */

extern const cz_primaries cz_primaries_srgb;
/** @param primaries COLORIZER_PRIMARIES_..., known. @param matrix of COLORIZER_PRIMARIES_MATRIX only.
 *  @return false: that matrix is no space of red, green and blue. */
bool cz_primaries_make(int32_t primaries, const float matrix[9], cz_primaries *out);

/* ---------------------------------------------------------------- sizes (grid.c) */

typedef struct cz_grid {
    uint32_t width, height; /* the photograph */
    uint32_t w, h;          /* working image; the photograph's shape */
    uint32_t pw, ph;        /* the network's input: w and h rounded up to its multiple */
    uint32_t cell;          /* working pixels a chroma cell has on a side: 4 */
    uint32_t cw, ch;        /* chroma grid, pw / cell x ph / cell */
} cz_grid;

/** The short side becomes `short_side` working pixels (32..1024), less where the long side would pass four times
 *  that; the shape is kept. `multiple` is a positive multiple of `cell`. Cannot overflow for checked images. */
void cz_grid_init(cz_grid *g, uint32_t width, uint32_t height, uint32_t short_side, uint32_t multiple, uint32_t cell);

/** Everything the stages share. Constant while a call runs. */
typedef struct cz_color_job {
    const cz_color_kernels *k;     /* cz_color(cpu) */
    const cz_color_tables *tables; /* cz_color_tables_init() once a handle */
    const cz_exec *exec;
    cz_grid grid;
} cz_color_job;

/* ---------------------------------------------------------------- samples (samples.c) */

enum { CZ_CHUNK = 512 }; /* pixels at a time: their floats stay in the first-level cache */

/** Luminance of n pixels of row y from column x, as cz_color_kernels.luminance. */
void cz_read_luminance(const cz_color_job *job, const cz_pixels *src, size_t x, size_t y, size_t n, float *lum);
/** How much of the strength n pixels of a mask take: gray, 0..1. */
void cz_read_mask(const cz_color_job *job, const cz_pixels *mask, size_t x, size_t y, size_t n, float *amount);
/** Writes n pixels, at most CZ_CHUNK, of luminance lum and linear rgb[3][CZ_CHUNK]; alpha is the source's. The two may
 *  be the same image when lum has been read. */
void cz_write_pixels(const cz_color_job *job, const cz_pixels *src, const cz_pixels *dst, size_t x, size_t y, size_t n,
                     const float *lum, float (*rgb)[CZ_CHUNK]);
/** The same of CZ_KIND_AB, with a and b in rgb[0] and rgb[1]. */
void cz_write_ab(const cz_pixels *dst, size_t x, size_t y, size_t n, float (*rgb)[CZ_CHUNK]);
/** The same of CZ_KIND_NV12 and _FULL: one or two rows from the even row y and column x on. */
void cz_write_nv12(const cz_color_job *job, const cz_pixels *dst, size_t x, size_t y, size_t rows, size_t n,
                   float (*lum)[CZ_CHUNK], float (*rgb)[3][CZ_CHUNK]);
/** Writes sample `at` of a row; f32 as it is, codes of what is held in 0..1. */
void cz_set_sample(void *row, cz_layout_px px, size_t at, float value);

/* ---------------------------------------------------------------- stages */

/** Scratch bytes a thread needs in cz_lightness_rows, a multiple of CZ_ALIGN. */
size_t cz_lightness_scratch(const cz_grid *g);
/** Rows begin .. end - 1, of h, of light: [ph][pw] f32, L 0..100; pixels past w repeat the edge. */
void cz_lightness_rows(const cz_color_job *job, const cz_pixels *src, float *light, size_t begin, size_t end,
                       void *scratch);
/** Then the rows past h: they repeat the last. */
void cz_lightness_pad(const cz_grid *g, float *light);

/** Channels of the network's input, as trained. */
enum { CZ_INPUT_L, CZ_INPUT_A, CZ_INPUT_B, CZ_INPUT_MASK, CZ_INPUT_CHANNELS };
/** What a and b are measured in, in and out of the network. */
#define CZ_AB_UNIT 110.0f

/** CIELAB a and b of an sRGB colour, red, green and blue 0..1. */
void cz_srgb_chroma(const cz_color_job *job, const float *srgb, float *a, float *b);

/** A hint on the working image: all within an ellipse along a line, in working pixels, and its colour. */
typedef struct cz_spot {
    double x, y, dx, dy; /* the line from x, y to x + dx, y + dy, inside the working image */
    double rx, ry;       /* the ellipse's half axes */
    float a, b, weight;
    float held_a, held_b; /* what it will be held at: a, b until cz_spread_hints takes the weight into account */
} cz_spot;

/** Turns hints into spots; those of which no part of the line is on the photograph are left out. Hints are checked by
 *  whoever stores them: finite, in range; their struct_size is not looked at.
 *  @param spots room for `count`. @return how many there are. */
size_t cz_spots(const cz_color_job *job, const colorizer_hint *hints, size_t count, cz_spot *spots);
/** The square of how far a place is from the spot's line, in its radii: up to 1 it is inside. `along` receives where on
 *  the line the nearest point is, 0..1. */
double cz_spot_distance(const cz_spot *s, double x, double y, double *along);
/** First and one past the last of n rows or columns whose middle may lie inside the spot, or `more` outside it. */
void cz_spot_rows(const cz_spot *s, double more, size_t n, size_t *begin, size_t *end);
void cz_spot_columns(const cz_spot *s, double more, size_t n, size_t *begin, size_t *end);

/** input: [ph][pw][4]: L / 50 - 1, and under a spot a / 110, b / 110, 1, times the eighth power of its weight; else
 *  0, 0, 0. Later spots lie on top. */
void cz_network_input(const cz_color_job *job, const float *light, const cz_spot *spots, size_t count, float *input);

/** Puts the spots' colours into row y of lines, which are as cz_upsample's: within a spot the colour is its own, and
 * past its edge it fades into the lines', sooner where the lightness is another. */
void cz_hold_row(const cz_color_job *job, const float *light, const cz_spot *spots, size_t count, const float *hues,
                 size_t y, float *const *lines);

/** What the user wants of the distribution. */
typedef struct cz_wishes {
    float palette[COLORIZER_MAX_PALETTE][2]; /* a, b */
    size_t colours;
    float palette_strength; /* 0..1 */
    float tint[2];          /* -100..100 in a and in b */
} cz_wishes;

/** A residual is a, b, and maybe a gain, a, b of how the vivid picture departs from the safe one. */
enum { CZ_SAFE_CHANNELS = 2, CZ_VIVID_CHANNELS = 5 };

/** The network's outputs, and how to read them. */
typedef struct cz_chroma_in {
    float *logits;           /* [ch][cw][bins]; cz_chroma leaves shares in their place, see cz_color_kernels.mean */
    const float *residual;   /* [ch][cw][channels]: docs/format.md, "The colorizer profile"; NULL: zero */
    const float *centers;    /* [bins][2] */
    const float *log_weight; /* [bins], NULL: zero */
    size_t bins;             /* 2 .. CZ_COLOR_MAX_BINS */
    size_t channels;         /* of the residual: CZ_SAFE_CHANNELS or CZ_VIVID_CHANNELS */
    float vividness;         /* how far the picture departs from the safe one; 0: not at all, 1: as learned */
    const cz_wishes *wishes; /* NULL: none */
} cz_chroma_in;

/** ab: planes a then b, [2][ch][cw]; confidence: [ch][cw]. Each cell is for itself. */
bool cz_chroma(const cz_color_job *job, const cz_chroma_in *in, float *ab, float *confidence);
/** Turns the logits of one cell alone into shares. */
void cz_read_cell(const cz_color_job *job, const cz_chroma_in *in, size_t cell);

/** A colour that may be meant, and the probability that the true one is near it. */
typedef struct cz_mode {
    float a, b, probability;
} cz_mode;
/** The most probable colours of one cell of `in`, which holds shares, at most `most` of them: each is the
 *  mean of what lies near a bin, the probabilities are of distinct parts and do not rise; one below a hundredth is left
 *  out, but for the first. @return how many. */
size_t cz_modes(const cz_chroma_in *in, size_t cell, cz_mode *modes, size_t most);

/** Where a cell is on the axes of cz_spread: its middle, the mean lightness of its pixels, its chroma. */
void cz_place_cell(const cz_grid *g, const float *light, const float *ab, size_t x, size_t y, float *at);
/** Floats of `work` in cz_spread_hints. */
size_t cz_spread_work(const cz_grid *g);
/** Adds to ab what the hints miss there, spread over cells that are alike in place, lightness and colour, and says in
 * the spots what they will be held at. `count` is at most COLORIZER_MAX_HINTS. The confidence stays that of the
 * network's own colour. */
bool cz_spread_hints(const cz_color_job *job, const float *light, cz_spot *spots, size_t count, float *ab, float *work);

/** Strength at a hue: `hues` are those of a, b at 0, 45, ... 315 degrees. */
float cz_hue_strength(const float *hues, float a, float b);

/** Floats of `work` in cz_upsample, and bytes of scratch a thread needs there. */
size_t cz_upsample_work(const cz_grid *g);
size_t cz_upsample_scratch(const cz_grid *g);
/** Floats of `fit`. */
size_t cz_fit_size(const cz_grid *g);
/** What goes into the working image's colours beside those of the cells. */
typedef struct cz_touches {
    const cz_spot *spots;
    size_t n_spots;             /* at most COLORIZER_MAX_HINTS */
    float hues[COLORIZER_HUES]; /* strength of each */
} cz_touches;

/** fit: [4][h][w]: a = fit0 L + fit1, b = fit2 L + fit3. */
bool cz_upsample(const cz_color_job *job, const float *light, const float *ab, const cz_touches *touches, float *fit,
                 float *work, void *scratch);

/** Where an image lies in the photograph, whose size here is width x height, and how much of the strength its pixels
 *  take. */
typedef struct cz_frame {
    uint32_t x, y, width, height;
    const cz_pixels *mask; /* of the image's size, gray; NULL: all of it */
} cz_frame;
/** Where 2 x 2 pixels of dst share their chroma, a part begins and ends between them (pixels.c). */
int32_t cz_image_frame_check(const cz_pixels *dst, const cz_frame *frame, cz_error *err);

/** Bytes of scratch a thread needs in cz_render. */
size_t cz_render_scratch(const cz_grid *g);
/** Renders rows begin .. end - 1 of dst, which lies at `frame`: the pipeline calls it from cz_exec_for, or loops over
 *  strips for progress. strength 0..1. In place when dst and src are the same image. `scratch` is this thread's. */
void cz_render_rows(const cz_color_job *job, const cz_pixels *src, const cz_pixels *dst, const cz_frame *frame,
                    const float *fit, float strength, size_t begin, size_t end, void *scratch);

/** Writes the confidence of the unpadded part of the grid, bilinear, to dst, of any size. */
void cz_confidence(const cz_color_job *job, const float *confidence, const cz_pixels *dst);

#endif
