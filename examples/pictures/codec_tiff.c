/* SPDX-License-Identifier: BSD-2-Clause
 * TIFF by libtiff: gray and RGB of 8, 16 and 32 bits (float), strips or tiles, with profile and resolution. Bilevel,
 * palette and YCbCr files go through libtiff's own conversion to RGBA. Floats without a profile are linear light. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <tiffio.h>

#include "codec.h"

/* ---------------------------------------------------------------- a file in memory */

typedef struct memory {
    blob b;
    size_t at;
} memory;

static tmsize_t mem_read(thandle_t h, void *to, tmsize_t size) {
    memory *m = h;
    if (size < 0 || m->at >= m->b.size) return 0;
    size_t count = (size_t)size < m->b.size - m->at ? (size_t)size : m->b.size - m->at;
    memcpy(to, m->b.bytes + m->at, count);
    m->at += count;
    return (tmsize_t)count;
}

static tmsize_t mem_write(thandle_t h, void *from, tmsize_t size) {
    static const uint8_t zeros[64];
    memory *m = h;
    if (size < 0) return -1;
    while (m->b.size < m->at) /* a seek past the end */
        if (!blob_append(&m->b, zeros, m->at - m->b.size < sizeof zeros ? m->at - m->b.size : sizeof zeros)) return -1;
    size_t inside = m->b.size - m->at < (size_t)size ? m->b.size - m->at : (size_t)size;
    if (inside > 0) memcpy(m->b.bytes + m->at, from, inside);
    if (!blob_append(&m->b, (const uint8_t *)from + inside, (size_t)size - inside)) return -1;
    m->at += (size_t)size;
    return size;
}

static toff_t mem_seek(thandle_t h, toff_t offset, int whence) {
    memory *m = h;
    toff_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? m->at : m->b.size;
    if (offset > SIZE_MAX / 4 && whence == SEEK_SET) return (toff_t)-1;
    m->at = (size_t)(base + offset);
    return m->at;
}

static int mem_close(thandle_t h) {
    (void)h;
    return 0;
}

static toff_t mem_size(thandle_t h) { return ((memory *)h)->b.size; }

/** Keeps the first error of libtiff for the user; its warnings are not for him. */
static complaint *listener;

static void on_error(const char *module, const char *format, va_list args) {
    char text[300];
    if (listener == NULL || listener->text[0] != '\0') return;
    (void)vsnprintf(text, sizeof text, format, args);
    (void)fail(listener, "TIFF: %s%s%s", module ? module : "", module ? ": " : "", text);
}

static TIFF *open_memory(memory *m, const char *mode, complaint *c) {
    listener = c;
    (void)TIFFSetErrorHandler(on_error);
    (void)TIFFSetWarningHandler(NULL);
    return TIFFClientOpen("picture", mode, m, mem_read, mem_write, mem_seek, mem_close, mem_size, NULL, NULL);
}

/** What libtiff said, or that the file is damaged. */
static bool fail_tiff(complaint *c) { return c->text[0] != '\0' ? false : fail(c, "damaged picture: TIFF"); }

/* ---------------------------------------------------------------- reading */

typedef struct form {
    uint32_t width, height, subfile;
    uint16_t samples, bits, kind, planar, photometric, extra;
    bool associated;
} form;

static form read_form(TIFF *t) {
    form f = {0};
    uint16_t *extra = NULL;
    (void)TIFFGetFieldDefaulted(t, TIFFTAG_IMAGEWIDTH, &f.width);
    (void)TIFFGetFieldDefaulted(t, TIFFTAG_IMAGELENGTH, &f.height);
    (void)TIFFGetFieldDefaulted(t, TIFFTAG_SUBFILETYPE, &f.subfile);
    (void)TIFFGetFieldDefaulted(t, TIFFTAG_SAMPLESPERPIXEL, &f.samples);
    (void)TIFFGetFieldDefaulted(t, TIFFTAG_BITSPERSAMPLE, &f.bits);
    (void)TIFFGetFieldDefaulted(t, TIFFTAG_SAMPLEFORMAT, &f.kind);
    (void)TIFFGetFieldDefaulted(t, TIFFTAG_PLANARCONFIG, &f.planar);
    (void)TIFFGetFieldDefaulted(t, TIFFTAG_EXTRASAMPLES, &f.extra, &extra);
    if (!TIFFGetField(t, TIFFTAG_PHOTOMETRIC, &f.photometric)) f.photometric = PHOTOMETRIC_MINISBLACK;
    f.associated = f.extra > 0 && extra != NULL && extra[0] == EXTRASAMPLE_ASSOCALPHA;
    return f;
}

/** Whether the samples can be taken as they are stored. */
static bool is_plain(const form *f) {
    bool gray = f->photometric == PHOTOMETRIC_MINISBLACK || f->photometric == PHOTOMETRIC_MINISWHITE;
    bool depth = f->kind == SAMPLEFORMAT_IEEEFP ? f->bits == 32
                                                : f->kind == SAMPLEFORMAT_UINT && (f->bits == 8 || f->bits == 16);
    if (!depth || (!gray && f->photometric != PHOTOMETRIC_RGB)) return false;
    int colours = gray ? 1 : 3;
    return f->samples == colours || (f->samples == colours + 1 && f->extra == 1);
}

/** Copies one tile into the picture; `sample` < 0: its samples are interleaved like the picture's. */
static void place_tile(const picture *p, const uint8_t *tile, uint32_t x, uint32_t y, uint32_t width, uint32_t height,
                       int sample) {
    size_t bytes = (size_t)p->bits / 8, pixel = bytes * (size_t)p->channels, step = sample < 0 ? pixel : bytes;
    size_t columns = x + width <= (uint32_t)p->width ? width : (uint32_t)p->width - x;
    for (uint32_t row = 0; row < height && y + row < (uint32_t)p->height; row++) {
        const uint8_t *from = tile + (size_t)row * width * step;
        uint8_t *to = (uint8_t *)p->pixels + (y + row) * picture_stride(p) + x * pixel;
        if (sample < 0) {
            memcpy(to, from, columns * pixel);
            continue;
        }
        for (size_t i = 0; i < columns; i++) memcpy(to + i * pixel + (size_t)sample * bytes, from + i * bytes, bytes);
    }
}

static bool read_tiles(TIFF *t, const form *f, const picture *p, complaint *c) {
    uint32_t width = 0, height = 0;
    bool apart = f->planar == PLANARCONFIG_SEPARATE, ok = true;
    (void)TIFFGetField(t, TIFFTAG_TILEWIDTH, &width);
    (void)TIFFGetField(t, TIFFTAG_TILELENGTH, &height);
    size_t pixel = (size_t)p->bits / 8 * (apart ? 1u : (size_t)p->channels);
    if (width == 0 || height == 0 || (int64_t)width * height > PICTURE_MAX_PIXELS ||
        TIFFTileSize(t) != (tmsize_t)(pixel * width * height))
        return fail_tiff(c);
    uint8_t *tile = malloc(pixel * width * height);
    if (tile == NULL) return fail(c, "not enough memory");
    for (int s = 0; s < (apart ? p->channels : 1); s++)
        for (uint32_t y = 0; ok && y < f->height; y += height)
            for (uint32_t x = 0; ok && x < f->width; x += width) {
                ok = TIFFReadTile(t, tile, x, y, 0, (uint16_t)s) >= 0;
                if (ok) place_tile(p, tile, x, y, width, height, apart ? s : -1);
            }
    free(tile);
    return ok || fail_tiff(c);
}

/** Row by row: a strip that is missing is an error, not gray. */
static bool read_strips(TIFF *t, const form *f, const picture *p, complaint *c) {
    bool apart = f->planar == PLANARCONFIG_SEPARATE, ok = true;
    size_t row = picture_stride(p) / (apart ? (size_t)p->channels : 1u);
    if (TIFFScanlineSize(t) != (tmsize_t)row) return fail_tiff(c);
    uint8_t *line = malloc(row);
    if (line == NULL) return fail(c, "not enough memory");
    for (int s = 0; s < (apart ? p->channels : 1); s++)
        for (uint32_t y = 0; ok && y < f->height; y++) {
            ok = TIFFReadScanline(t, line, y, (uint16_t)s) >= 0;
            if (ok) place_tile(p, line, 0, y, f->width, 1, apart ? s : -1);
        }
    free(line);
    return ok || fail_tiff(c);
}

/** libtiff's own conversion, to 8 bits with alpha. It turns the picture upright itself. */
static bool read_rgba(TIFF *t, const form *f, picture *p, complaint *c) {
    if (f->kind == SAMPLEFORMAT_IEEEFP || f->bits > 8 || f->photometric == PHOTOMETRIC_SEPARATED ||
        f->photometric > PHOTOMETRIC_YCBCR)
        return fail(c, "a TIFF of this kind (%u samples of %u bits, photometric %u) is not read", f->samples, f->bits,
                    f->photometric);
    if (!picture_make((int)f->width, (int)f->height, 4, 8, p, c)) return false;
    if (!TIFFReadRGBAImageOriented(t, f->width, f->height, p->pixels, ORIENTATION_TOPLEFT, 1)) return fail_tiff(c);
    uint8_t *at = p->pixels;
    for (size_t i = 0; i < (size_t)f->width * f->height; i++, at += 4) {
        uint32_t packed;
        memcpy(&packed, at, 4);
        for (int s = 0; s < 4; s++) at[s] = (uint8_t)(packed >> (8 * s));
    }
    p->orientation = 1;
    return true;
}

static void invert(const picture *p) {
    size_t count = (size_t)p->width * (size_t)p->height, step = (size_t)p->channels;
    for (size_t i = 0; i < count * step; i += step) {
        if (p->bits == 8) ((uint8_t *)p->pixels)[i] = (uint8_t)(255 - ((uint8_t *)p->pixels)[i]);
        if (p->bits == 16) ((uint16_t *)p->pixels)[i] = (uint16_t)(65535 - ((uint16_t *)p->pixels)[i]);
        if (p->bits == 32) ((float *)p->pixels)[i] = 1.0f - ((float *)p->pixels)[i];
    }
}

static unsigned divide(unsigned value, unsigned alpha, unsigned full) {
    if (alpha == 0) return 0;
    uint64_t straight = ((uint64_t)value * full + alpha / 2) / alpha;
    return straight > full ? full : (unsigned)straight;
}

/** Takes a multiplied-in alpha out of the colours. */
static void separate_alpha(const picture *p) {
    size_t count = (size_t)p->width * (size_t)p->height, step = (size_t)p->channels;
    uint8_t *a = p->pixels;
    uint16_t *b = p->pixels;
    float *d = p->pixels;
    for (size_t i = 0; i < count * step; i += step)
        for (size_t s = i; s + 1 < i + step; s++) {
            size_t alpha = i + step - 1;
            if (p->bits == 8) a[s] = (uint8_t)divide(a[s], a[alpha], 255);
            if (p->bits == 16) b[s] = (uint16_t)divide(b[s], b[alpha], 65535);
            if (p->bits == 32) d[s] = d[alpha] > 0.0f ? d[s] / d[alpha] : 0.0f;
        }
}

static void read_extras(TIFF *t, picture *p) {
    uint16_t unit = RESUNIT_INCH, orientation = 1;
    uint32_t size = 0;
    void *icc = NULL;
    float across = 0.0f, down = 0.0f;
    if (TIFFGetField(t, TIFFTAG_ICCPROFILE, &size, &icc) && icc != NULL) (void)blob_copy(&p->icc, icc, size);
    (void)TIFFGetFieldDefaulted(t, TIFFTAG_RESOLUTIONUNIT, &unit);
    (void)TIFFGetFieldDefaulted(t, TIFFTAG_ORIENTATION, &orientation);
    if (p->orientation == 0) p->orientation = orientation >= 1 && orientation <= 8 ? orientation : 1;
    if (unit != RESUNIT_NONE && TIFFGetField(t, TIFFTAG_XRESOLUTION, &across) &&
        TIFFGetField(t, TIFFTAG_YRESOLUTION, &down) && isfinite(across) && isfinite(down)) {
        double inch = unit == RESUNIT_CENTIMETER ? 2.54 : 1.0;
        p->density[0] = (double)across * inch;
        p->density[1] = (double)down * inch;
    }
}

static bool read_plain(TIFF *t, const form *f, picture *p, complaint *c) {
    if (!picture_make((int)f->width, (int)f->height, f->samples, f->bits, p, c)) return false;
    if (f->bits == 32) p->space.transfer = COLORIZER_TRANSFER_LINEAR;
    if (!(TIFFIsTiled(t) ? read_tiles(t, f, p, c) : read_strips(t, f, p, c))) return false;
    if (f->associated) separate_alpha(p);
    if (f->photometric == PHOTOMETRIC_MINISWHITE) invert(p);
    return true;
}

static bool read_open(TIFF *t, picture *p, complaint *c) {
    void *dng = NULL;
    form f = read_form(t);
    if (TIFFGetField(t, TIFFTAG_DNGVERSION, &dng) || f.photometric == PHOTOMETRIC_CFA ||
        (f.subfile & FILETYPE_REDUCEDIMAGE))
        return fail(c, "a raw photograph; develop it first");
    if (!picture_check_size(f.width, f.height, c)) return false;
    bool ok = is_plain(&f) ? read_plain(t, &f, p, c) : read_rgba(t, &f, p, c);
    if (!ok) return false;
    read_extras(t, p);
    if (!TIFFLastDirectory(t)) warn(c, "only the first picture of the TIFF file is taken");
    return true;
}

static bool read_tiff(const uint8_t *bytes, size_t size, picture *out, complaint *c) {
    union {
        const uint8_t *from;
        uint8_t *to;
    } open_for_reading = {bytes}; /* mode "r" never writes */
    memory m = {{open_for_reading.to, size, size}, 0};
    TIFF *t = open_memory(&m, "rm", c);
    bool ok = t != NULL ? read_open(t, out, c) : fail_tiff(c);
    if (t != NULL) TIFFClose(t);
    listener = NULL;
    if (ok)
        c->text[0] = '\0'; /* an error that libtiff got over */
    else
        picture_free(out);
    return ok;
}

/* ---------------------------------------------------------------- writing */

static void write_form(TIFF *t, const picture *p) {
    uint16_t straight = EXTRASAMPLE_UNASSALPHA;
    (void)TIFFSetField(t, TIFFTAG_IMAGEWIDTH, (uint32_t)p->width);
    (void)TIFFSetField(t, TIFFTAG_IMAGELENGTH, (uint32_t)p->height);
    (void)TIFFSetField(t, TIFFTAG_SAMPLESPERPIXEL, p->channels);
    (void)TIFFSetField(t, TIFFTAG_BITSPERSAMPLE, p->bits);
    (void)TIFFSetField(t, TIFFTAG_SAMPLEFORMAT, p->bits == 32 ? SAMPLEFORMAT_IEEEFP : SAMPLEFORMAT_UINT);
    (void)TIFFSetField(t, TIFFTAG_PHOTOMETRIC, p->channels <= 2 ? PHOTOMETRIC_MINISBLACK : PHOTOMETRIC_RGB);
    (void)TIFFSetField(t, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
    (void)TIFFSetField(t, TIFFTAG_ORIENTATION, ORIENTATION_TOPLEFT);
    if (p->channels % 2 == 0) (void)TIFFSetField(t, TIFFTAG_EXTRASAMPLES, 1, &straight);
    if (TIFFIsCODECConfigured(COMPRESSION_ADOBE_DEFLATE)) {
        (void)TIFFSetField(t, TIFFTAG_COMPRESSION, COMPRESSION_ADOBE_DEFLATE);
        (void)TIFFSetField(t, TIFFTAG_PREDICTOR, p->bits == 32 ? PREDICTOR_FLOATINGPOINT : PREDICTOR_HORIZONTAL);
    }
    (void)TIFFSetField(t, TIFFTAG_ROWSPERSTRIP, TIFFDefaultStripSize(t, 0));
}

static void write_extras(TIFF *t, const picture *p) {
    if (p->icc.size > 0) (void)TIFFSetField(t, TIFFTAG_ICCPROFILE, (uint32_t)p->icc.size, p->icc.bytes);
    if (p->xmp.size > 0) (void)TIFFSetField(t, TIFFTAG_XMLPACKET, (uint32_t)p->xmp.size, p->xmp.bytes);
    if (p->density[0] > 0.0 && p->density[1] > 0.0) {
        (void)TIFFSetField(t, TIFFTAG_RESOLUTIONUNIT, RESUNIT_INCH);
        (void)TIFFSetField(t, TIFFTAG_XRESOLUTION, p->density[0]);
        (void)TIFFSetField(t, TIFFTAG_YRESOLUTION, p->density[1]);
    }
}

/** libtiff changes a row when it predicts, so it gets a copy. */
static bool write_rows(TIFF *t, const picture *p) {
    size_t stride = picture_stride(p);
    uint8_t *row = malloc(stride);
    bool ok = row != NULL;
    for (int y = 0; ok && y < p->height; y++) {
        memcpy(row, (const uint8_t *)p->pixels + (size_t)y * stride, stride);
        ok = TIFFWriteScanline(t, row, (uint32_t)y, 0) >= 0;
    }
    free(row);
    return ok;
}

static bool write_tiff(const picture *p, int quality, blob *out, complaint *c) {
    memory m = {{0}, 0};
    bool large = picture_stride(p) * (uint64_t)p->height > UINT32_MAX / 4 * 3; /* BigTIFF */
    TIFF *t = open_memory(&m, large ? "w8m" : "wm", c);
    bool ok = t != NULL;
    (void)quality;
    if (ok) {
        write_form(t, p);
        write_extras(t, p);
        ok = write_rows(t, p) && TIFFFlush(t) == 1;
        TIFFClose(t);
    }
    listener = NULL;
    *out = m.b;
    return ok || (c->text[0] != '\0' ? false : fail(c, "not enough memory to encode the picture"));
}

static bool is_tiff(const uint8_t *bytes, size_t size) {
    return size >= 8 && (memcmp(bytes, "II*\0", 4) == 0 || memcmp(bytes, "MM\0*", 4) == 0 ||
                         memcmp(bytes, "II+\0", 4) == 0 || memcmp(bytes, "MM\0+", 4) == 0);
}

const codec codec_tiff = {.name = "tiff",
                          .endings = {"tif"},
                          .bits = 32,
                          .has_alpha = true,
                          .writes_xmp = true,
                          .probe = is_tiff,
                          .read = read_tiff,
                          .write = write_tiff};
