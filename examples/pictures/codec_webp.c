/* SPDX-License-Identifier: BSD-2-Clause
 * WebP by libwebp: 8 bits, with profile, and XMP when the caller has a packet. Quality 100 is lossless. */
#include <string.h>
#include <webp/decode.h>
#include <webp/demux.h>
#include <webp/encode.h>
#include <webp/mux.h>

#include "codec.h"

/* ---------------------------------------------------------------- reading */

static bool read_icc(const WebPData *file, picture *p) {
    bool ok = true;
    WebPDemuxer *d = WebPDemux(file);
    WebPChunkIterator chunk;
    if (d == NULL) return true; /* without chunks */
    if (WebPDemuxGetChunk(d, "ICCP", 1, &chunk)) {
        ok = blob_copy(&p->icc, chunk.chunk.bytes, chunk.chunk.size);
        WebPDemuxReleaseChunkIterator(&chunk);
    }
    WebPDemuxDelete(d);
    return ok;
}

static bool read_webp(const uint8_t *bytes, size_t size, picture *out, complaint *c) {
    WebPBitstreamFeatures f;
    if (WebPGetFeatures(bytes, size, &f) != VP8_STATUS_OK) return fail(c, "damaged picture: WebP header");
    if (f.has_animation) return fail(c, "an animated WebP is not read");
    if (!picture_make(f.width, f.height, f.has_alpha ? 4 : 3, 8, out, c)) return false;
    int stride = (int)picture_stride(out);
    size_t room = picture_stride(out) * (size_t)f.height;
    const uint8_t *done = f.has_alpha ? WebPDecodeRGBAInto(bytes, size, out->pixels, room, stride)
                                      : WebPDecodeRGBInto(bytes, size, out->pixels, room, stride);
    bool ok = done != NULL || fail(c, "damaged picture: WebP, or it is cut short");
    if (ok && !read_icc(&(WebPData){bytes, size}, out)) ok = fail(c, "not enough memory");
    if (!ok) picture_free(out);
    return ok;
}

/* ---------------------------------------------------------------- writing */

static int take(const uint8_t *bytes, size_t size, const WebPPicture *w) {
    return blob_append(w->custom_ptr, bytes, size);
}

static bool compress(const picture *p, int quality, blob *out, complaint *c) {
    WebPConfig config;
    WebPPicture w;
    if (!WebPConfigInit(&config) || !WebPPictureInit(&w)) return fail(c, "WebP: the library is another version");
    config.quality = (float)quality;
    config.lossless = quality == 100;
    config.exact = 1;                            /* colours under transparent pixels too */
    if (config.lossless) config.quality = 70.0f; /* effort, then */
    w.use_argb = config.lossless;
    w.width = p->width;
    w.height = p->height;
    w.writer = take;
    w.custom_ptr = out;
    int stride = (int)picture_stride(p);
    bool ok = (p->channels == 4 ? WebPPictureImportRGBA(&w, p->pixels, stride)
                                : WebPPictureImportRGB(&w, p->pixels, stride)) != 0 &&
              WebPEncode(&config, &w);
    if (!ok) (void)fail(c, "WebP: cannot encode (error %d)", (int)w.error_code);
    WebPPictureFree(&w);
    return ok;
}

static bool put_chunk(WebPMux *mux, const char name[4], const blob *b) {
    const WebPData data = {b->bytes, b->size};
    return b->size == 0 || WebPMuxSetChunk(mux, name, &data, 0) == WEBP_MUX_OK;
}

static bool add_chunks(const picture *p, blob *file, complaint *c) {
    const WebPData plain = {file->bytes, file->size};
    WebPData whole = {NULL, 0};
    WebPMux *mux = WebPMuxCreate(&plain, 0);
    blob with = {0};
    bool ok = mux != NULL && put_chunk(mux, "ICCP", &p->icc) && put_chunk(mux, "XMP ", &p->xmp) &&
              WebPMuxAssemble(mux, &whole) == WEBP_MUX_OK && blob_copy(&with, whole.bytes, whole.size);
    WebPDataClear(&whole);
    WebPMuxDelete(mux);
    if (!ok) return fail(c, "WebP: cannot add the profile");
    blob_free(file);
    *file = with;
    return true;
}

/** Gray is written as RGB: WebP has nothing else. */
static bool to_colour(const picture *p, picture *out, complaint *c) {
    if (!picture_make(p->width, p->height, p->channels + 2, 8, out, c)) return false;
    const uint8_t *from = p->pixels;
    uint8_t *to = out->pixels;
    for (size_t i = 0; i < (size_t)p->width * (size_t)p->height; i++, from += p->channels, to += out->channels) {
        memset(to, from[0], 3);
        if (p->channels == 2) to[3] = from[1];
    }
    return true;
}

static bool write_webp(const picture *p, int quality, blob *out, complaint *c) {
    picture colour = {0};
    if (p->width > WEBP_MAX_DIMENSION || p->height > WEBP_MAX_DIMENSION)
        return fail(c, "WebP holds at most %d pixels a side", WEBP_MAX_DIMENSION);
    if (p->channels <= 2 && !to_colour(p, &colour, c)) return false;
    bool ok = compress(p->channels <= 2 ? &colour : p, quality, out, c);
    picture_free(&colour);
    return ok && ((p->icc.size == 0 && p->xmp.size == 0) || add_chunks(p, out, c));
}

static bool is_webp(const uint8_t *bytes, size_t size) {
    return size >= 16 && memcmp(bytes, "RIFF", 4) == 0 && memcmp(bytes + 8, "WEBP", 4) == 0;
}

const codec codec_webp = {.name = "webp",
                          .bits = 8,
                          .has_alpha = true,
                          .writes_xmp = true,
                          .no_iptc = true,
                          .probe = is_webp,
                          .read = read_webp,
                          .write = write_webp};
