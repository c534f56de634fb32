/* SPDX-License-Identifier: BSD-2-Clause
 * PNG by libpng: 8 and 16 bits, profile, resolution, and XMP when the caller has a packet. */
#include <png.h>
#include <stdlib.h>
#include <string.h>

#include "codec.h"

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

static void read_extras(state *s) {
    png_charp name;
    png_bytep icc;
    png_uint_32 size, across, down;
    int kind;
    if (png_get_iCCP(s->png, s->info, &name, &kind, &icc, &size) == PNG_INFO_iCCP && !blob_copy(&s->p->icc, icc, size))
        png_error(s->png, "not enough memory");
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
        png_set_user_limits(s.png, COLORIZER_MAX_SIDE, COLORIZER_MAX_SIDE);
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
