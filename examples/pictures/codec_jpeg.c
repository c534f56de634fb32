/* SPDX-License-Identifier: BSD-2-Clause
 * JPEG by libjpeg (or libjpeg-turbo, mozjpeg): profile, resolution, and XMP when the caller has a packet. */
#include <stdio.h> /* before jpeglib.h, which does not include it */

#include <jerror.h>
#include <jpeglib.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "codec.h"

typedef struct errors {
    struct jpeg_error_mgr base; /* first: libjpeg hands back a pointer to it */
    jmp_buf back;
    complaint *c;
} errors;

static void on_error(j_common_ptr info) {
    errors *e = (errors *)info->err;
    char text[JMSG_LENGTH_MAX];
    info->err->format_message(info, text);
    (void)fail(e->c, "JPEG: %s", text);
    longjmp(e->back, 1);
}

/** libjpeg fills what is missing with gray and goes on; a picture that is cut short or damaged is refused here. What
 *  else it warns of (bytes between markers, odd JFIF versions) changes no pixel. */
static void on_message(j_common_ptr info, int level) {
    errors *e = (errors *)info->err;
    int code = info->err->msg_code;
    if (level >= 0) return;
    if (code == JWRN_BOGUS_ICC) warn(e->c, "the colour profile is damaged and left out");
    if (code != JWRN_JPEG_EOF && code != JWRN_HIT_MARKER && code != JWRN_HUFF_BAD_CODE && code != JWRN_MUST_RESYNC &&
        code != JWRN_NOT_SEQUENTIAL)
        return;
    char text[JMSG_LENGTH_MAX];
    info->err->format_message(info, text);
    (void)fail(e->c, "damaged picture: %s", text);
    longjmp(e->back, 1);
}

static void set_errors(errors *e, complaint *c) {
    (void)jpeg_std_error(&e->base);
    e->base.error_exit = on_error;
    e->base.emit_message = on_message;
    e->c = c;
}

/* ---------------------------------------------------------------- reading */

static void read_extras(j_decompress_ptr info, picture *p) {
    JOCTET *icc = NULL;
    unsigned size = 0;
    if (jpeg_read_icc_profile(info, &icc, &size)) {
        bool ok = blob_copy(&p->icc, icc, size);
        free(icc);
        if (!ok) ERREXIT1(info, JERR_OUT_OF_MEMORY, 0);
    }
    if (info->saw_JFIF_marker && info->density_unit > 0) {
        double unit = info->density_unit == 2 ? 2.54 : 1.0;
        p->density[0] = info->X_density * unit;
        p->density[1] = info->Y_density * unit;
    }
}

static void read_all(j_decompress_ptr info, picture *p, complaint *c) {
    jpeg_save_markers(info, JPEG_APP0 + 2, 0xffff);
    (void)jpeg_read_header(info, TRUE);
    if (!picture_check_size(info->image_width, info->image_height, c)) longjmp(((errors *)info->err)->back, 1);
    if (info->num_components != 1 && info->num_components != 3) {
        (void)fail(c, "a JPEG of %d inks (CMYK) is not read; convert it to RGB first", info->num_components);
        longjmp(((errors *)info->err)->back, 1);
    }
    info->out_color_space = info->num_components == 1 ? JCS_GRAYSCALE : JCS_RGB;
    (void)jpeg_start_decompress(info);
    if (!picture_make((int)info->output_width, (int)info->output_height, info->output_components, 8, p, c))
        longjmp(((errors *)info->err)->back, 1);
    size_t stride = picture_stride(p);
    while (info->output_scanline < info->output_height) {
        JSAMPROW row = (uint8_t *)p->pixels + info->output_scanline * stride;
        (void)jpeg_read_scanlines(info, &row, 1);
    }
    read_extras(info, p); /* while the markers are there */
    (void)jpeg_finish_decompress(info);
}

static bool read_jpeg(const uint8_t *bytes, size_t size, picture *out, complaint *c) {
    struct jpeg_decompress_struct info = {0};
    errors e;
    volatile bool ok = false;
    set_errors(&e, c);
    info.err = &e.base;
    if (setjmp(e.back) == 0) {
        jpeg_create_decompress(&info);
        jpeg_mem_src(&info, bytes, (unsigned long)size);
        read_all(&info, out, c);
        ok = true;
    }
    jpeg_destroy_decompress(&info);
    if (!ok) picture_free(out);
    return ok;
}

/* ---------------------------------------------------------------- writing */

/** Appends to a blob. libjpeg's own destination in memory loses its block when it is jumped out of. */
typedef struct destination {
    struct jpeg_destination_mgr base; /* first */
    blob *out;
    JOCTET block[1 << 14];
} destination;

static void begin_block(j_compress_ptr info) {
    destination *d = (destination *)info->dest;
    d->base.next_output_byte = d->block;
    d->base.free_in_buffer = sizeof d->block;
}

static void append(j_compress_ptr info, size_t size) {
    destination *d = (destination *)info->dest;
    if (!blob_append(d->out, d->block, size)) ERREXIT1(info, JERR_OUT_OF_MEMORY, 0);
}

static boolean end_block(j_compress_ptr info) {
    append(info, sizeof((destination *)info->dest)->block);
    begin_block(info);
    return TRUE;
}

static void end_file(j_compress_ptr info) {
    append(info, sizeof((destination *)info->dest)->block - info->dest->free_in_buffer);
}

static void write_xmp(j_compress_ptr info, const blob *xmp) {
    static const char head[] = "http://ns.adobe.com/xap/1.0/"; /* with its NUL */
    jpeg_write_m_header(info, JPEG_APP0 + 1, (unsigned)(sizeof head + xmp->size));
    for (size_t i = 0; i < sizeof head; i++) jpeg_write_m_byte(info, head[i]);
    for (size_t i = 0; i < xmp->size; i++) jpeg_write_m_byte(info, xmp->bytes[i]);
}

static void set_form(j_compress_ptr info, const picture *p, int quality) {
    info->image_width = (JDIMENSION)p->width;
    info->image_height = (JDIMENSION)p->height;
    info->input_components = p->channels <= 2 ? 1 : 3;
    info->in_color_space = p->channels <= 2 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(info);
    jpeg_set_quality(info, quality, TRUE);
    if (quality >= 90) info->comp_info[0].h_samp_factor = info->comp_info[0].v_samp_factor = 1; /* chroma in full */
    if (p->density[0] >= 1.0 && p->density[0] <= 65535.0 && p->density[1] >= 1.0 && p->density[1] <= 65535.0) {
        info->density_unit = 1;
        info->X_density = (UINT16)(p->density[0] + 0.5);
        info->Y_density = (UINT16)(p->density[1] + 0.5);
    }
}

static void write_all(j_compress_ptr info, const picture *p, int quality, uint8_t *row) {
    size_t stride = picture_stride(p);
    int kept = p->channels <= 2 ? 1 : 3;
    set_form(info, p, quality);
    jpeg_start_compress(info, TRUE);
    if (p->xmp.size > 0 && p->xmp.size < 65000) write_xmp(info, &p->xmp);
    if (p->icc.size > 0) jpeg_write_icc_profile(info, p->icc.bytes, (unsigned)p->icc.size);
    for (int y = 0; y < p->height; y++) {
        const uint8_t *from = (const uint8_t *)p->pixels + (size_t)y * stride;
        for (int x = 0; x < p->width; x++) memcpy(row + x * kept, from + x * p->channels, (size_t)kept);
        (void)jpeg_write_scanlines(info, &row, 1);
    }
    jpeg_finish_compress(info);
}

static bool write_jpeg(const picture *p, int quality, blob *out, complaint *c) {
    struct jpeg_compress_struct info = {0};
    destination to = {
        {.init_destination = begin_block, .empty_output_buffer = end_block, .term_destination = end_file}, out, {0}};
    errors e;
    volatile bool ok = false;
    uint8_t *row = malloc((size_t)p->width * 3);
    if (row == NULL) return fail(c, "not enough memory");
    set_errors(&e, c);
    info.err = &e.base;
    if (setjmp(e.back) == 0) {
        jpeg_create_compress(&info);
        info.dest = &to.base;
        write_all(&info, p, quality, row);
        ok = true;
    }
    jpeg_destroy_compress(&info);
    free(row);
    return ok;
}

static bool is_jpeg(const uint8_t *bytes, size_t size) { return size >= 3 && memcmp(bytes, "\xff\xd8\xff", 3) == 0; }

const codec codec_jpeg = {.name = "jpg",
                          .endings = {"jpeg"},
                          .bits = 8,
                          .writes_xmp = true,
                          .probe = is_jpeg,
                          .read = read_jpeg,
                          .write = write_jpeg};
