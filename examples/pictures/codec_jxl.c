/* SPDX-License-Identifier: BSD-2-Clause
 * JPEG XL by libjxl: 8 and 16 bits and float, with profile, EXIF and XMP in its boxes. Quality 100 is lossless. */
#include <fcntl.h>
#include <jxl/decode.h>
#include <jxl/encode.h>
#include <jxl/thread_parallel_runner.h>
#include <jxl/version.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "codec.h"

/* From 0.9 on the functions about profiles lost a parameter that was never used. */
#if JPEGXL_NUMERIC_VERSION < JPEGXL_COMPUTE_NUMERIC_VERSION(0, 9, 0)
#define NO_FORMAT NULL,
#else
#define NO_FORMAT
#endif

/* ---------------------------------------------------------------- reading */

typedef struct reading {
    JxlDecoder *decoder;
    picture *p;
    complaint *c;
    blob *box; /* that is being filled; NULL: none is wanted */
    size_t filled;
    bool whole; /* all pixels are there */
} reading;

/** libjxl 0.7 prints what it also returns, in the middle of our own lines: standard error goes nowhere meanwhile. */
static int silence(void) {
    int kept = dup(STDERR_FILENO), nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (kept >= 0 && nowhere >= 0) (void)dup2(nowhere, STDERR_FILENO);
    if (nowhere >= 0) (void)close(nowhere);
    return kept;
}

static void speak(int kept) {
    if (kept < 0) return;
    (void)dup2(kept, STDERR_FILENO);
    (void)close(kept);
}

static JxlPixelFormat format_of(const picture *p) {
    JxlDataType type = p->bits == 8 ? JXL_TYPE_UINT8 : p->bits == 16 ? JXL_TYPE_UINT16 : JXL_TYPE_FLOAT;
    return (JxlPixelFormat){(uint32_t)p->channels, type, JXL_NATIVE_ENDIAN, 0};
}

static bool on_info(reading *r) {
    JxlBasicInfo info;
    if (JxlDecoderGetBasicInfo(r->decoder, &info) != JXL_DEC_SUCCESS) return fail(r->c, "damaged picture: JPEG XL");
    if (info.have_animation) return fail(r->c, "an animated JPEG XL is not read");
    int bits = info.exponent_bits_per_sample > 0 || info.bits_per_sample > 16 ? 32 : info.bits_per_sample > 8 ? 16 : 8;
    if (info.num_color_channels != 1 && info.num_color_channels != 3)
        return fail(r->c, "a JPEG XL of this kind is not read");
    if (!picture_check_size(info.xsize, info.ysize, r->c)) return false;
    int channels = (int)info.num_color_channels + (info.alpha_bits > 0);
    if (!picture_make((int)info.xsize, (int)info.ysize, channels, bits, r->p, r->c)) return false;
    r->p->orientation = 1; /* the decoder turns the picture */
    return true;
}

/** sRGB and linear light with sRGB's primaries are what a picture is without a profile; the rest is an ICC profile. */
static bool on_colour(reading *r) {
    JxlColorEncoding e;
    size_t size = 0;
    if (JxlDecoderGetColorAsEncodedProfile(r->decoder, NO_FORMAT JXL_COLOR_PROFILE_TARGET_DATA, &e) ==
            JXL_DEC_SUCCESS &&
        (e.color_space == JXL_COLOR_SPACE_GRAY ||
         (e.color_space == JXL_COLOR_SPACE_RGB && e.primaries == JXL_PRIMARIES_SRGB)) &&
        e.white_point == JXL_WHITE_POINT_D65 &&
        (e.transfer_function == JXL_TRANSFER_FUNCTION_SRGB || e.transfer_function == JXL_TRANSFER_FUNCTION_LINEAR)) {
        if (e.transfer_function == JXL_TRANSFER_FUNCTION_LINEAR) r->p->space.transfer = COLORIZER_TRANSFER_LINEAR;
        return true;
    }
    if (JxlDecoderGetICCProfileSize(r->decoder, NO_FORMAT JXL_COLOR_PROFILE_TARGET_DATA, &size) != JXL_DEC_SUCCESS ||
        size == 0)
        return true;
    uint8_t *icc = malloc(size);
    bool ok = icc != NULL && JxlDecoderGetColorAsICCProfile(r->decoder, NO_FORMAT JXL_COLOR_PROFILE_TARGET_DATA, icc,
                                                            size) == JXL_DEC_SUCCESS;
    ok = ok && blob_copy(&r->p->icc, icc, size);
    free(icc);
    return ok || fail(r->c, "not enough memory");
}

static bool on_pixels(reading *r) {
    JxlPixelFormat format = format_of(r->p);
    size_t size = 0, room = picture_stride(r->p) * (size_t)r->p->height;
    return (r->p->pixels != NULL && JxlDecoderImageOutBufferSize(r->decoder, &format, &size) == JXL_DEC_SUCCESS &&
            size == room && JxlDecoderSetImageOutBuffer(r->decoder, &format, r->p->pixels, room) == JXL_DEC_SUCCESS) ||
           fail(r->c, "damaged picture: JPEG XL");
}

/** Gives the box more room; its bytes so far stay. */
static bool grow_box(reading *r) {
    static const uint8_t zeros[1 << 14];
    if (r->box->size > ((size_t)1 << 28)) return fail(r->c, "metadata of more than 256 MiB");
    if (!blob_append(r->box, zeros, sizeof zeros)) return fail(r->c, "not enough memory");
    return JxlDecoderSetBoxBuffer(r->decoder, r->box->bytes + r->filled, r->box->size - r->filled) == JXL_DEC_SUCCESS ||
           fail(r->c, "damaged picture: JPEG XL");
}

/** The bytes that are left of the buffer when the box has ended, or is too small for it. */
static void release_box(reading *r) {
    if (r->box != NULL) r->filled = r->box->size - JxlDecoderReleaseBoxBuffer(r->decoder);
}

static void end_box(reading *r) {
    release_box(r);
    if (r->box != NULL) r->box->size = r->filled;
    r->box = NULL;
}

static bool on_box(reading *r) {
    JxlBoxType type;
    end_box(r);
    if (JxlDecoderGetBoxType(r->decoder, type, JXL_TRUE) != JXL_DEC_SUCCESS) return true;
    if (memcmp(type, "Exif", 4) == 0 && r->p->exif.size == 0) r->box = &r->p->exif;
    if (memcmp(type, "xml ", 4) == 0 && r->p->xmp.size == 0) r->box = &r->p->xmp;
    r->filled = 0;
    return r->box == NULL || grow_box(r);
}

/** One event after the other until all is read. */
static bool read_events(reading *r) {
    for (;;) {
        bool ok = true;
        switch (JxlDecoderProcessInput(r->decoder)) {
        case JXL_DEC_BASIC_INFO:
            ok = on_info(r);
            break;
        case JXL_DEC_COLOR_ENCODING:
            ok = on_colour(r);
            break;
        case JXL_DEC_NEED_IMAGE_OUT_BUFFER:
            ok = on_pixels(r);
            break;
        case JXL_DEC_BOX:
            ok = on_box(r);
            break;
        case JXL_DEC_BOX_NEED_MORE_OUTPUT:
            release_box(r);
            ok = r->box != NULL && grow_box(r);
            break;
        case JXL_DEC_FULL_IMAGE:
            r->whole = true;
            break;
        case JXL_DEC_SUCCESS:
            end_box(r);
            return true;
        case JXL_DEC_NEED_MORE_INPUT: /* the last box may run to the end of the file */
            end_box(r);
            return r->whole || fail(r->c, "the file is cut short");
        default:
            return fail(r->c, "damaged picture: JPEG XL");
        }
        if (!ok) return false;
    }
}

/** The EXIF box begins with the big-endian offset of its TIFF header. */
static void strip_exif(blob *exif) {
    if (exif->size == 0) return;
    size_t skip = exif->size < 4 ? exif->size
                                 : 4 + ((size_t)exif->bytes[0] << 24 | (size_t)exif->bytes[1] << 16 |
                                        (size_t)exif->bytes[2] << 8 | exif->bytes[3]);
    if (skip > exif->size) skip = exif->size;
    memmove(exif->bytes, exif->bytes + skip, exif->size - skip);
    exif->size -= skip;
}

static bool read_jxl(const uint8_t *bytes, size_t size, picture *out, complaint *c) {
    reading r = {.decoder = JxlDecoderCreate(NULL), .p = out, .c = c};
    void *runner = JxlThreadParallelRunnerCreate(NULL, JxlThreadParallelRunnerDefaultNumWorkerThreads());
    bool ok = r.decoder != NULL && runner != NULL &&
              JxlDecoderSetParallelRunner(r.decoder, JxlThreadParallelRunner, runner) == JXL_DEC_SUCCESS &&
              JxlDecoderSetUnpremultiplyAlpha(r.decoder, JXL_TRUE) == JXL_DEC_SUCCESS &&
              JxlDecoderSubscribeEvents(r.decoder, JXL_DEC_BASIC_INFO | JXL_DEC_COLOR_ENCODING | JXL_DEC_FULL_IMAGE |
                                                       JXL_DEC_BOX) == JXL_DEC_SUCCESS &&
              JxlDecoderSetInput(r.decoder, bytes, size) == JXL_DEC_SUCCESS;
    if (!ok) (void)fail(c, "not enough memory");
    if (ok) {
        (void)JxlDecoderSetDecompressBoxes(r.decoder, JXL_TRUE); /* where the library can */
        int kept = silence();
        ok = read_events(&r) && (r.whole || fail(c, "the file is cut short"));
        speak(kept);
    }
    if (r.decoder != NULL) JxlDecoderDestroy(r.decoder);
    if (runner != NULL) JxlThreadParallelRunnerDestroy(runner);
    strip_exif(&out->exif);
    if (!ok) picture_free(out);
    return ok;
}

/* ---------------------------------------------------------------- writing */

static bool set_info(JxlEncoder *e, const picture *p) {
    JxlBasicInfo info;
    JxlColorEncoding colour;
    bool alpha = p->channels % 2 == 0, gray = p->channels <= 2;
    JxlEncoderInitBasicInfo(&info);
    info.xsize = (uint32_t)p->width;
    info.ysize = (uint32_t)p->height;
    info.bits_per_sample = (uint32_t)p->bits;
    info.exponent_bits_per_sample = p->bits == 32 ? 8 : 0;
    info.num_color_channels = gray ? 1 : 3;
    info.num_extra_channels = alpha;
    info.alpha_bits = alpha ? info.bits_per_sample : 0;
    info.alpha_exponent_bits = alpha ? info.exponent_bits_per_sample : 0;
    info.uses_original_profile = JXL_TRUE; /* or lossless would not be, and the profile would be lost */
    if (JxlEncoderSetBasicInfo(e, &info) != JXL_ENC_SUCCESS) return false;
    int level = JxlEncoderGetRequiredCodestreamLevel(e);
    if (level > 5 && JxlEncoderSetCodestreamLevel(e, level) != JXL_ENC_SUCCESS) return false;
    if (p->icc.size > 0) return JxlEncoderSetICCProfile(e, p->icc.bytes, p->icc.size) == JXL_ENC_SUCCESS;
    if (p->space.transfer == COLORIZER_TRANSFER_LINEAR)
        JxlColorEncodingSetToLinearSRGB(&colour, gray);
    else
        JxlColorEncodingSetToSRGB(&colour, gray);
    return JxlEncoderSetColorEncoding(e, &colour) == JXL_ENC_SUCCESS;
}

static bool add_boxes(JxlEncoder *e, const picture *p) {
    blob exif = {0};
    if (p->exif.size == 0 && p->xmp.size == 0) return true;
    bool ok = JxlEncoderUseBoxes(e) == JXL_ENC_SUCCESS;
    if (ok && p->exif.size > 0)
        ok = blob_append(&exif, "\0\0\0\0", 4) && blob_append(&exif, p->exif.bytes, p->exif.size) &&
             JxlEncoderAddBox(e, "Exif", exif.bytes, exif.size, JXL_FALSE) == JXL_ENC_SUCCESS;
    if (ok && p->xmp.size > 0)
        ok = JxlEncoderAddBox(e, "xml ", p->xmp.bytes, p->xmp.size, JXL_FALSE) == JXL_ENC_SUCCESS;
    JxlEncoderCloseBoxes(e);
    blob_free(&exif);
    return ok;
}

/** The scale of libjxl's cjxl: 90 is distance 1, which the eye does not tell from the original. */
static float distance_of(int quality) {
    float q = (float)quality;
    return quality >= 30 ? 0.1f + (100.0f - q) * 0.09f : 53.0f / 3000.0f * q * q - 23.0f / 20.0f * q + 25.0f;
}

static bool add_picture(JxlEncoder *e, const picture *p, int quality) {
    JxlEncoderFrameSettings *settings = JxlEncoderFrameSettingsCreate(e, NULL);
    JxlPixelFormat format = format_of(p);
    if (settings == NULL) return false;
    bool ok = quality == 100 ? JxlEncoderSetFrameLossless(settings, JXL_TRUE) == JXL_ENC_SUCCESS
                             : JxlEncoderSetFrameDistance(settings, distance_of(quality)) == JXL_ENC_SUCCESS;
    return ok && JxlEncoderAddImageFrame(settings, &format, p->pixels, picture_stride(p) * (size_t)p->height) ==
                     JXL_ENC_SUCCESS;
}

static bool take_output(JxlEncoder *e, blob *out) {
    static uint8_t block[1 << 16];
    JxlEncoderStatus status = JXL_ENC_NEED_MORE_OUTPUT;
    while (status == JXL_ENC_NEED_MORE_OUTPUT) {
        uint8_t *at = block;
        size_t room = sizeof block;
        status = JxlEncoderProcessOutput(e, &at, &room);
        if (!blob_append(out, block, sizeof block - room)) return false;
    }
    return status == JXL_ENC_SUCCESS;
}

static bool write_jxl(const picture *p, int quality, blob *out, complaint *c) {
    JxlEncoder *e = JxlEncoderCreate(NULL);
    void *runner = JxlThreadParallelRunnerCreate(NULL, JxlThreadParallelRunnerDefaultNumWorkerThreads());
    bool ok = e != NULL && runner != NULL &&
              JxlEncoderSetParallelRunner(e, JxlThreadParallelRunner, runner) == JXL_ENC_SUCCESS && set_info(e, p) &&
              add_boxes(e, p) && add_picture(e, p, quality);
    if (ok) {
        JxlEncoderCloseInput(e);
        ok = take_output(e, out);
    }
    if (e != NULL) JxlEncoderDestroy(e);
    if (runner != NULL) JxlThreadParallelRunnerDestroy(runner);
    return ok || fail(c, "JPEG XL: cannot encode the picture");
}

static bool is_jxl(const uint8_t *bytes, size_t size) {
    JxlSignature mark = JxlSignatureCheck(bytes, size);
    return mark == JXL_SIG_CODESTREAM || mark == JXL_SIG_CONTAINER;
}

const codec codec_jxl = {.name = "jxl",
                         .bits = 32,
                         .has_alpha = true,
                         .boxes = true,
                         .writes_xmp = true,
                         .no_iptc = true,
                         .probe = is_jxl,
                         .read = read_jxl,
                         .write = write_jxl};
