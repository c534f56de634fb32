/* SPDX-License-Identifier: BSD-2-Clause
 * PNG by libpng: 8 and 16 bits, profile or colour space, resolution, and XMP when the caller has a packet. */
#include <math.h>
#include <png.h>
#include <stdlib.h>
#include <string.h>

#include "codec.h"
#include "space.h"

typedef struct state {
    png_structp png;
    png_infop info;
    const uint8_t *at, *end; /* when reading */
    blob *out;               /* when writing */
    picture *p;
    complaint *c;
} state;

static void on_error(png_structp png, png_const_charp message) {
    state *s = png_get_error_ptr(png);
    (void)fail(s->c, "PNG: %s", message);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp message) {
    (void)png;
    (void)message;
}

static void give(png_structp png, png_bytep to, size_t size) {
    state *s = png_get_io_ptr(png);
    if ((size_t)(s->end - s->at) < size) png_error(png, "the file is cut short");
    memcpy(to, s->at, size);
    s->at += size;
}

static void take(png_structp png, png_bytep bytes, size_t size) {
    state *s = png_get_io_ptr(png);
    if (!blob_append(s->out, bytes, size)) png_error(png, "not enough memory");
}

static void flush(png_structp png) { (void)png; }

/* ---------------------------------------------------------------- reading */

/** What cICP says, by the code points of ITU-T H.273. False: there is none, or one for pictures of another kind. */
static bool read_cicp(state *s) {
    static const struct {
        png_byte code;
        double xy[4][2];
    } spaces[] = {{5, {{0.64, 0.33}, {0.29, 0.60}, {0.15, 0.06}, {0.3127, 0.3290}}},
                  {6, {{0.63, 0.34}, {0.31, 0.595}, {0.155, 0.07}, {0.3127, 0.3290}}},
                  {9, {{0.708, 0.292}, {0.170, 0.797}, {0.131, 0.046}, {0.3127, 0.3290}}},
                  {12, {{0.680, 0.320}, {0.265, 0.690}, {0.150, 0.060}, {0.3127, 0.3290}}}};
    enum { PRIMARIES_BT709 = 1, TRANSFER_GAMMA_22 = 4, TRANSFER_GAMMA_28 = 5, TRANSFER_LINEAR = 8, TRANSFER_SRGB = 13 };
    png_unknown_chunkp chunks = NULL;
    int count = png_get_unknown_chunks(s->png, s->info, &chunks);
    for (int i = 0; i < count; i++) {
        if (memcmp(chunks[i].name, "cICP", 4) != 0 || chunks[i].size != 4) continue;
        const png_byte *code = chunks[i].data;
        space to = {0};
        bool known = code[0] == PRIMARIES_BT709;
        for (size_t k = 0; !known && k < sizeof spaces / sizeof *spaces; k++)
            known = spaces[k].code == code[0] && space_set_chromaticities(&to, spaces[k].xy);
        double exponent = code[1] == TRANSFER_GAMMA_22 ? 2.2 : code[1] == TRANSFER_GAMMA_28 ? 2.8 : 1.0;
        bool is_power = code[1] == TRANSFER_GAMMA_22 || code[1] == TRANSFER_GAMMA_28 || code[1] == TRANSFER_LINEAR;
        known = known && (is_power ? space_set_gamma(&to, exponent) : code[1] == TRANSFER_SRGB);
        if (known && code[2] == 0 && code[3] == 1) {
            s->p->space = to;
            return true;
        }
        warn(s->c,
             "its colours (cICP %d, %d, %d, %d) are of a kind that is not read; they are taken as if cICP were "
             "not there",
             code[0], code[1], code[2], code[3]);
    }
    return false;
}

static bool is_near(double a, double b) { return fabs(a - b) < 0.002; }

/** What gAMA and cHRM say. What is written for sRGB beside, and by old programs in place of, the chunk sRGB is sRGB. */
static void read_gamma(state *s) {
    static const double srgb[4][2] = {{0.64, 0.33}, {0.30, 0.60}, {0.15, 0.06}, {0.3127, 0.3290}};
    double xy[4][2], exponent = 0.0;
    png_fixed_point gamma = 0;
    bool others = false;
    space to = {0};
    if (png_get_cHRM(s->png, s->info, &xy[3][0], &xy[3][1], &xy[0][0], &xy[0][1], &xy[1][0], &xy[1][1], &xy[2][0],
                     &xy[2][1]) == PNG_INFO_cHRM) {
        for (int i = 0; i < 8; i++) others = others || !is_near(xy[i / 2][i % 2], srgb[i / 2][i % 2]);
        if (others && !space_set_chromaticities(&to, (const double(*)[2])xy))
            warn(s->c, "its primaries (cHRM) cannot be used and are taken for sRGB's");
    }
    if (png_get_gAMA_fixed(s->png, s->info, &gamma) == PNG_INFO_gAMA && gamma > 0) exponent = 100000.0 / gamma;
    bool is_srgb = !others && (gamma == 45455 || gamma == 45454);
    if (exponent > 0.0 && !is_srgb && !space_set_gamma(&to, exponent))
        warn(s->c, "its gamma (gAMA %g) cannot be used and is taken for sRGB's", 1.0 / exponent);
    s->p->space = to;
}

/** The first of cICP, iCCP, sRGB, and gAMA with cHRM counts (PNG, third edition, 4.3). */
static void read_colours(state *s) {
    png_charp name;
    png_bytep icc;
    png_uint_32 size;
    int kind;
    if (read_cicp(s)) return;
    if (png_get_iCCP(s->png, s->info, &name, &kind, &icc, &size) == PNG_INFO_iCCP) {
        if (!blob_copy(&s->p->icc, icc, size)) png_error(s->png, "not enough memory");
    } else if (png_get_sRGB(s->png, s->info, &kind) != PNG_INFO_sRGB) {
        read_gamma(s);
    }
}

static void read_extras(state *s) {
    png_uint_32 across, down;
    int kind;
    read_colours(s);
    if (png_get_pHYs(s->png, s->info, &across, &down, &kind) == PNG_INFO_pHYs && kind == PNG_RESOLUTION_METER) {
        s->p->density[0] = across * 0.0254;
        s->p->density[1] = down * 0.0254;
    }
}

/** To 8 or 16 bits in native order, gray or RGB, with or without alpha. */
static void ask_for_plain_samples(state *s) {
    const uint16_t one = 1;
    if (png_get_bit_depth(s->png, s->info) == 16 && *(const uint8_t *)&one == 1) png_set_swap(s->png);
    png_set_expand(s->png);
    (void)png_set_interlace_handling(s->png);
    png_read_update_info(s->png, s->info);
}

/** Everything that can jump. Rows and pixels are in *s->p, so that nothing is lost on the way out. */
static void read_all(state *s, uint8_t ***rows) {
    png_read_info(s->png, s->info);
    if (!picture_check_size(png_get_image_width(s->png, s->info), png_get_image_height(s->png, s->info), s->c))
        png_longjmp(s->png, 1);
    ask_for_plain_samples(s);
    picture *p = s->p;
    if (!picture_make((int)png_get_image_width(s->png, s->info), (int)png_get_image_height(s->png, s->info),
                      png_get_channels(s->png, s->info), png_get_bit_depth(s->png, s->info), p, s->c))
        png_longjmp(s->png, 1);
    if (png_get_rowbytes(s->png, s->info) != picture_stride(p)) png_error(s->png, "unexpected samples");
    *rows = malloc((size_t)p->height * sizeof **rows);
    if (*rows == NULL) png_error(s->png, "not enough memory");
    for (int y = 0; y < p->height; y++) (*rows)[y] = (uint8_t *)p->pixels + (size_t)y * picture_stride(p);
    png_read_image(s->png, *rows);
    png_read_end(s->png, NULL);
    read_extras(s);
}

static bool read_png(const uint8_t *bytes, size_t size, picture *out, complaint *c) {
    state s = {.at = bytes, .end = bytes + size, .p = out, .c = c};
    uint8_t **volatile rows = NULL; /* changed between setjmp and a jump */
    volatile bool ok = false;
    s.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &s, on_error, on_warning);
    s.info = s.png != NULL ? png_create_info_struct(s.png) : NULL;
    if (s.info == NULL) {
        png_destroy_read_struct(&s.png, NULL, NULL);
        return fail(c, "not enough memory");
    }
    if (setjmp(png_jmpbuf(s.png)) == 0) {
        png_set_user_limits(s.png, PNG_UINT_31_MAX, PNG_UINT_31_MAX); /* read_all() judges, and says why */
        png_set_keep_unknown_chunks(s.png, PNG_HANDLE_CHUNK_ALWAYS, (png_const_bytep) "cICP", 1);
        png_set_benign_errors(s.png, 1); /* a strange chunk beside the pixels is no reason to give up */
        png_set_read_fn(s.png, &s, give);
        read_all(&s, (uint8_t ***)&rows);
        ok = true;
    }
    png_destroy_read_struct(&s.png, &s.info, NULL);
    free(rows);
    if (!ok) picture_free(out);
    return ok;
}

/* ---------------------------------------------------------------- writing */

static void write_extras(state *s) {
    const picture *p = s->p;
    if (p->icc.size > 0)
        png_set_iCCP(s->png, s->info, "ICC profile", PNG_COMPRESSION_TYPE_BASE, p->icc.bytes, (png_uint_32)p->icc.size);
    if (p->density[0] > 0.0 && p->density[0] < 1e6 && p->density[1] > 0.0 && p->density[1] < 1e6)
        png_set_pHYs(s->png, s->info, (png_uint_32)(p->density[0] / 0.0254 + 0.5),
                     (png_uint_32)(p->density[1] / 0.0254 + 0.5), PNG_RESOLUTION_METER);
    if (p->xmp.size > 0) {
        char key[] = "XML:com.adobe.xmp", none[] = "";
        png_text text = {.compression = PNG_ITXT_COMPRESSION_NONE,
                         .key = key,
                         .text = (char *)p->xmp.bytes,
                         .itxt_length = p->xmp.size,
                         .lang = none,
                         .lang_key = none};
        png_set_text(s->png, s->info, &text, 1);
    }
}

static void write_all(state *s) {
    static const int types[4] = {PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB,
                                 PNG_COLOR_TYPE_RGB_ALPHA};
    const picture *p = s->p;
    const uint16_t one = 1;
    png_set_write_fn(s->png, s, take, flush);
    png_set_user_limits(s->png, COLORIZER_MAX_SIDE, COLORIZER_MAX_SIDE);
    png_set_IHDR(s->png, s->info, (png_uint_32)p->width, (png_uint_32)p->height, p->bits, types[p->channels - 1],
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_set_compression_level(s->png, 5); /* 6 costs half as much time again for one per cent */
    write_extras(s);
    png_write_info(s->png, s->info);
    if (p->bits == 16 && *(const uint8_t *)&one == 1) png_set_swap(s->png);
    for (int y = 0; y < p->height; y++)
        png_write_row(s->png, (const uint8_t *)p->pixels + (size_t)y * picture_stride(p));
    png_write_end(s->png, s->info);
}

static bool write_png(const picture *p, int quality, blob *out, complaint *c) {
    picture view = *p; /* is only read */
    state s = {.out = out, .p = &view, .c = c};
    volatile bool ok = false;
    (void)quality;
    s.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &s, on_error, on_warning);
    s.info = s.png != NULL ? png_create_info_struct(s.png) : NULL;
    if (s.info == NULL) {
        png_destroy_write_struct(&s.png, NULL);
        return fail(c, "not enough memory");
    }
    if (setjmp(png_jmpbuf(s.png)) == 0) {
        write_all(&s);
        ok = true;
    }
    png_destroy_write_struct(&s.png, &s.info);
    return ok;
}

static bool is_png(const uint8_t *bytes, size_t size) {
    return size >= 8 && memcmp(bytes, "\x89PNG\r\n\x1a\n", 8) == 0;
}

const codec codec_png = {.name = "png",
                         .bits = 16,
                         .has_alpha = true,
                         .writes_xmp = true,
                         .probe = is_png,
                         .read = read_png,
                         .write = write_png};
