/* SPDX-License-Identifier: BSD-2-Clause
 * Embedded colour profiles. */
#include "profile.h"

#ifdef HAVE_LCMS2
#include <lcms2.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define INTENT INTENT_RELATIVE_COLORIMETRIC

/** lcms2's name for the samples of a picture with so many channels. */
static cmsUInt32Number format_of(int channels, int bits) {
    cmsUInt32Number colours =
        channels <= 2 ? COLORSPACE_SH(PT_GRAY) | CHANNELS_SH(1) : COLORSPACE_SH(PT_RGB) | CHANNELS_SH(3);
    cmsUInt32Number depth = bits == 32 ? FLOAT_SH(1) | BYTES_SH(4) : BYTES_SH((cmsUInt32Number)bits / 8);
    return colours | depth | EXTRA_SH(channels % 2 == 0 ? 1u : 0u);
}

/* ---------------------------------------------------------------- gray */

/** IEC 61966-2-1 as a profile of gray. */
static cmsHPROFILE gray_srgb(void) {
    static const cmsFloat64Number shape[5] = {2.4, 1.0 / 1.055, 0.055 / 1.055, 1.0 / 12.92, 0.04045};
    cmsToneCurve *curve = cmsBuildParametricToneCurve(NULL, 4, shape);
    cmsHPROFILE profile = curve != NULL ? cmsCreateGrayProfile(cmsD50_xyY(), curve) : NULL;
    cmsFreeToneCurve(curve);
    return profile;
}

/** The profile of sRGB as bytes. Its date is a fixed one: the same picture gives the same file. */
static bool srgb_profile(blob *icc) {
    static const uint8_t date[12] = {0x07, 0xd0, 0, 1, 0, 1}; /* 2000-01-01 */
    cmsHPROFILE profile = cmsCreate_sRGBProfile();
    cmsUInt32Number size = 0;
    *icc = (blob){0};
    bool ok = profile != NULL && cmsSaveProfileToMem(profile, NULL, &size) && size > 128;
    if (ok) icc->bytes = malloc(size);
    ok = ok && icc->bytes != NULL && cmsSaveProfileToMem(profile, icc->bytes, &size);
    if (ok) {
        icc->size = icc->room = size;
        memcpy(icc->bytes + 24, date, sizeof date);
    }
    if (profile != NULL) cmsCloseProfile(profile);
    if (!ok) blob_free(icc);
    return ok;
}

/** Every code of the samples is converted once; the picture is then looked up in that table. */
static bool look_up(picture *p, cmsHTRANSFORM t, complaint *c) {
    size_t codes = (size_t)1 << p->bits, count = (size_t)p->width * (size_t)p->height * (size_t)p->channels;
    float *table = malloc(codes * sizeof *table);
    picture to;
    bool ok = table != NULL && picture_make(p->width, p->height, p->channels, 16, &to, c);
    if (!ok) {
        free(table);
        return fail(c, "not enough memory");
    }
    for (size_t i = 0; i < codes; i++) table[i] = (float)i / (float)(codes - 1);
    cmsDoTransform(t, table, table, (cmsUInt32Number)codes);
    uint16_t *out = to.pixels;
    for (size_t i = 0; i < count; i++) {
        unsigned code = p->bits == 8 ? ((const uint8_t *)p->pixels)[i] : ((const uint16_t *)p->pixels)[i];
        bool alpha = p->channels == 2 && i % 2 == 1;
        float v = table[code] < 0.0f ? 0.0f : table[code] > 1.0f ? 1.0f : table[code];
        out[i] = alpha ? (uint16_t)(p->bits == 8 ? code * 257u : code) : (uint16_t)(v * 65535.0f + 0.5f);
    }
    free(table);
    free(p->pixels);
    p->pixels = to.pixels;
    p->bits = 16;
    return true;
}

static void convert_float_gray(const picture *p, cmsHTRANSFORM t) {
    float *at = p->pixels;
    for (size_t i = 0; i < (size_t)p->width * (size_t)p->height; i++, at += p->channels) cmsDoTransform(t, at, at, 1);
}

static bool gray_to_srgb(picture *p, cmsHPROFILE from, complaint *c) {
    cmsHPROFILE to = gray_srgb();
    cmsHTRANSFORM t =
        to != NULL ? cmsCreateTransform(from, TYPE_GRAY_FLT, to, TYPE_GRAY_FLT, INTENT, cmsFLAGS_NOCACHE) : NULL;
    blob icc = {0};
    bool ok = (t != NULL && srgb_profile(&icc)) || fail(c, "the gray profile cannot be used");
    if (ok && p->bits == 32)
        convert_float_gray(p, t);
    else if (ok)
        ok = look_up(p, t, c);
    if (t != NULL) cmsDeleteTransform(t);
    if (to != NULL) cmsCloseProfile(to);
    blob_free(&p->icc);
    p->icc = icc;
    return ok;
}

/* ---------------------------------------------------------------- RGB */

/** Row by row; alpha goes along, to the new depth. */
static bool convert_rows(const picture *from, cmsHPROFILE in, picture *to, cmsHPROFILE out, complaint *c) {
    cmsHTRANSFORM t =
        cmsCreateTransform(in, format_of(from->channels, from->bits), out, format_of(to->channels, to->bits), INTENT,
                           cmsFLAGS_NOCACHE | cmsFLAGS_NOOPTIMIZE | cmsFLAGS_COPY_ALPHA);
    if (t == NULL) return fail(c, "the colour profile cannot be used");
    for (int y = 0; y < from->height; y++)
        cmsDoTransform(t, (const uint8_t *)from->pixels + (size_t)y * picture_stride(from),
                       (uint8_t *)to->pixels + (size_t)y * picture_stride(to), (cmsUInt32Number)from->width);
    cmsDeleteTransform(t);
    return true;
}

/** Whether conversion would move no code of so many bits by more than a quarter. */
static bool is_srgb(cmsHPROFILE profile, cmsHPROFILE srgb, int bits) {
    enum { STEPS = 16, COUNT = STEPS * STEPS * STEPS };
    float(*from)[3] = malloc(COUNT * sizeof *from), (*to)[3] = malloc(COUNT * sizeof *to);
    cmsHTRANSFORM t =
        cmsCreateTransform(profile, TYPE_RGB_FLT, srgb, TYPE_RGB_FLT, INTENT, cmsFLAGS_NOCACHE | cmsFLAGS_NOOPTIMIZE);
    bool same = from != NULL && to != NULL && t != NULL;
    float most = 0.25f / (bits == 8 ? 255.0f : 65535.0f);
    for (int i = 0; same && i < COUNT; i++)
        for (int k = 0; k < 3; k++)
            from[i][k] = (float)(i / (k == 0 ? 1 : k == 1 ? STEPS : STEPS * STEPS) % STEPS) / (STEPS - 1);
    if (same) cmsDoTransform(t, from, to, COUNT);
    for (int i = 0; same && i < COUNT; i++)
        for (int k = 0; k < 3; k++)
            if (!(fabsf(from[i][k] - to[i][k]) <= most)) same = false;
    if (t != NULL) cmsDeleteTransform(t);
    free(from);
    free(to);
    return same;
}

/** Gray samples under an RGB profile mean equal parts. */
static bool widen_gray(picture *p, complaint *c) {
    picture to;
    if (!picture_make(p->width, p->height, p->channels + 2, p->bits, &to, c)) return false;
    size_t sample = (size_t)p->bits / 8;
    const uint8_t *from = p->pixels;
    uint8_t *at = to.pixels;
    for (size_t i = 0; i < (size_t)p->width * (size_t)p->height; i++, from += sample * (size_t)p->channels)
        for (int k = 0; k < to.channels; k++, at += sample) memcpy(at, from + (k == 3 ? sample : 0), sample);
    free(p->pixels);
    p->pixels = to.pixels;
    p->channels = to.channels;
    return true;
}

static bool rgb_to_srgb(picture *p, cmsHPROFILE from, bool *converted, complaint *c) {
    cmsHPROFILE srgb = cmsCreate_sRGBProfile();
    if (srgb == NULL) return fail(c, "not enough memory");
    bool ok = true;
    if (!is_srgb(from, srgb, p->bits)) {
        picture to;
        ok = p->channels > 2 || widen_gray(p, c);
        ok = ok && picture_make(p->width, p->height, p->channels, 32, &to, c);
        if (ok) {
            ok = convert_rows(p, from, &to, srgb, c);
            free(p->pixels);
            p->pixels = to.pixels;
            p->bits = 32;
            *converted = true;
        }
    }
    cmsCloseProfile(srgb);
    return ok;
}

/* ---------------------------------------------------------------- both */

static const char *unusable(const picture *p, cmsHPROFILE profile) {
    if (profile == NULL) return "the colour profile is damaged";
    cmsColorSpaceSignature space = cmsGetColorSpace(profile);
    if (space == cmsSigGrayData && p->channels <= 2) return NULL;
    if (space != cmsSigRgbData) return "the colour profile is for other pixels";
    return cmsIsIntentSupported(profile, INTENT, LCMS_USED_AS_OUTPUT) ? NULL : "the colour profile has no way back";
}

bool profile_to_srgb(picture *p, bool *converted, complaint *c) {
    *converted = false;
    if (p->icc.size == 0) return true;
    cmsHPROFILE profile = cmsOpenProfileFromMem(p->icc.bytes, (cmsUInt32Number)p->icc.size);
    const char *why = unusable(p, profile);
    bool ok = true;
    if (why != NULL) {
        warn(c, "%s and is left out", why);
        blob_free(&p->icc);
    } else {
        p->linear = false;
        ok = cmsGetColorSpace(profile) == cmsSigGrayData ? gray_to_srgb(p, profile, c)
                                                         : rgb_to_srgb(p, profile, converted, c);
    }
    if (profile != NULL) cmsCloseProfile(profile);
    return ok;
}

bool profile_from_srgb(const picture *srgb, int bits, picture *out, complaint *c) {
    if (!picture_make(srgb->width, srgb->height, srgb->channels, bits, out, c)) return false;
    cmsHPROFILE from = cmsCreate_sRGBProfile();
    cmsHPROFILE to = cmsOpenProfileFromMem(srgb->icc.bytes, (cmsUInt32Number)srgb->icc.size);
    bool ok = (from != NULL && to != NULL) || fail(c, "not enough memory");
    ok = ok && convert_rows(srgb, from, out, to, c);
    if (from != NULL) cmsCloseProfile(from);
    if (to != NULL) cmsCloseProfile(to);
    return ok;
}

#else

bool profile_to_srgb(picture *p, bool *converted, complaint *c) {
    *converted = false;
    if (p->icc.size > 0) warn(c, "the colour profile is taken for sRGB and left out: this build has no lcms2");
    blob_free(&p->icc);
    return true;
}

bool profile_from_srgb(const picture *srgb, int bits, picture *out, complaint *c) {
    (void)srgb;
    (void)bits;
    (void)out;
    return fail(c, "this build has no lcms2");
}

#endif
