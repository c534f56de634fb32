/* SPDX-License-Identifier: BSD-2-Clause
 * Embedded colour profiles. */
#include "profile.h"

#ifdef HAVE_LCMS2
#include <lcms2.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "space.h"

#define INTENT INTENT_RELATIVE_COLORIMETRIC

/** lcms2's name for the samples of a picture with so many channels. */
static cmsUInt32Number format_of(int channels, int bits) {
    cmsUInt32Number colours =
        channels <= 2 ? COLORSPACE_SH(PT_GRAY) | CHANNELS_SH(1) : COLORSPACE_SH(PT_RGB) | CHANNELS_SH(3);
    cmsUInt32Number depth = bits == 32 ? FLOAT_SH(1) | BYTES_SH(4) : BYTES_SH((cmsUInt32Number)bits / 8);
    return colours | depth | EXTRA_SH(channels % 2 == 0 ? 1u : 0u);
}

/* ---------------------------------------------------------------- a matrix and a curve */

/** A quarter of a code of so many bits: what moves no sample. */
static double quarter(int bits) { return 0.25 / (bits == 8 ? 255.0 : 65535.0); }

/** Whether the curve is the transfer function of `s` to a quarter of a code. */
static bool is_transfer(const cmsToneCurve *t, const space *s, int bits) {
    enum { STEPS = 1024 };
    for (int i = 0; i <= STEPS; i++) {
        double x = (double)i / STEPS, most = quarter(bits);
        double light = (double)cmsEvalToneCurveFloat(t, (float)x);
        if (light < space_light(s, fmax(x - most, 0.0)) - 1e-9) return false;
        if (light > space_light(s, fmin(x + most, 1.0)) + 1e-9) return false;
    }
    return true;
}

/** The exponent that the curve has in the middle, as whole 1/65536: profiles store no finer one. */
static double exponent_of(const cmsToneCurve *t) {
    double middle = (double)cmsEvalToneCurveFloat(t, 0.5f);
    return middle > 0.0 && middle < 1.0 ? floor(-log2(middle) * 65536.0 + 0.5) / 65536.0 : 0.0;
}

/** The curve itself, with a value for each code; 8 bits get some between. */
static bool tabulate(const cmsToneCurve *t, space *s, int bits) {
    uint32_t count = bits == 8 ? 255u * 16u + 1u : 65536u;
    double first = (double)cmsEvalToneCurveFloat(t, 0.0f), last = (double)cmsEvalToneCurveFloat(t, 1.0f);
    if (!(fabs(first) < 1e-4 && fabs(last - 1.0) < 1e-4)) return false;
    float *table = malloc(count * sizeof *table);
    bool rises = table != NULL;
    for (uint32_t i = 0; rises && i < count; i++) {
        float v = cmsEvalToneCurveFloat(t, (float)((double)i / (count - 1)));
        table[i] = i == 0 || v < 0.0f ? 0.0f : i == count - 1 || v > 1.0f ? 1.0f : v;
        rises = !isnan(v) && (i == 0 || table[i] >= table[i - 1]);
    }
    if (rises)
        *s = (space){.transfer = COLORIZER_TRANSFER_CURVE, .curve = table, .curve_size = count};
    else
        free(table);
    return rises;
}

/** The curve as a formula where it is one. */
static bool curve_of(const cmsToneCurve *t, int bits, space *s) {
    *s = (space){0};
    if (t == NULL) return false;
    if (is_transfer(t, s, bits)) return true;
    if (space_set_gamma(s, exponent_of(t)) && is_transfer(t, s, bits)) return true;
    *s = (space){0};
    return tabulate(t, s, bits);
}

/* ---------------------------------------------------------------- gray */

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

/** A curve that falls, or has no black or no white, is of no use. */
static bool read_gray(picture *p, cmsHPROFILE profile, complaint *c) {
    space s;
    blob icc = {0};
    if (!curve_of(cmsReadTag(profile, cmsSigGrayTRCTag), p->bits, &s)) {
        warn(c, "the colour profile has a curve that cannot be used and is left out");
        blob_free(&p->icc);
        return true;
    }
    if (!srgb_profile(&icc)) {
        space_free(&s);
        return fail(c, "not enough memory");
    }
    blob_free(&p->icc);
    p->icc = icc;
    p->space = s;
    return true;
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
    float most = (float)quarter(bits);
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

static bool convert(picture *p, cmsHPROFILE from, cmsHPROFILE srgb, complaint *c) {
    picture to;
    if (p->channels < 3 && !widen_gray(p, c)) return false;
    if (!picture_make(p->width, p->height, p->channels, 32, &to, c)) return false;
    bool ok = convert_rows(p, from, &to, srgb, c);
    free(p->pixels);
    p->pixels = to.pixels;
    p->bits = 32;
    return ok;
}

/** Whether two curves are one, or give the same values. */
static bool are_alike(const cmsToneCurve *one, const cmsToneCurve *other) {
    if (one == other) return true;
    if (one == NULL || other == NULL) return false;
    for (int i = 0; i <= 1024; i++) {
        float x = (float)i / 1024.0f;
        if (cmsEvalToneCurveFloat(one, x) != cmsEvalToneCurveFloat(other, x)) return false;
    }
    return true;
}

/** What the samples of a profile without tables mean. Floats may lie beyond the ends of a curve, so they are left to
 *  lcms2. */
static bool matrix_and_curve(cmsHPROFILE profile, int bits, space *s) {
    static const cmsTagSignature tables[] = {cmsSigAToB0Tag, cmsSigAToB1Tag, cmsSigAToB2Tag, cmsSigBToA0Tag,
                                             cmsSigBToA1Tag, cmsSigBToA2Tag, cmsSigDToB0Tag, cmsSigDToB1Tag,
                                             cmsSigBToD0Tag, cmsSigBToD1Tag};
    static const cmsTagSignature columns[3] = {cmsSigRedColorantTag, cmsSigGreenColorantTag, cmsSigBlueColorantTag};
    double matrix[3][3];
    const cmsToneCurve *red = cmsReadTag(profile, cmsSigRedTRCTag);
    *s = (space){0};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        if (cmsIsTag(profile, tables[i])) return false;
    if (cmsGetPCS(profile) != cmsSigXYZData || !are_alike(red, cmsReadTag(profile, cmsSigGreenTRCTag)) ||
        !are_alike(red, cmsReadTag(profile, cmsSigBlueTRCTag)))
        return false;
    for (int k = 0; k < 3; k++) {
        const cmsCIEXYZ *column = cmsReadTag(profile, columns[k]);
        if (column == NULL) return false;
        matrix[0][k] = column->X;
        matrix[1][k] = column->Y;
        matrix[2][k] = column->Z;
    }
    if (!curve_of(red, bits, s)) return false;
    if ((bits < 32 || s->transfer != COLORIZER_TRANSFER_CURVE) && space_set_matrix(s, (const double(*)[3])matrix))
        return true;
    space_free(s);
    return false;
}

static bool read_rgb(picture *p, cmsHPROFILE profile, profile_use *use, complaint *c) {
    cmsHPROFILE srgb = cmsCreate_sRGBProfile();
    if (srgb == NULL) return fail(c, "not enough memory");
    bool ok = true;
    space_free(&p->space);
    if (is_srgb(profile, srgb, p->bits) || matrix_and_curve(profile, p->bits, &p->space)) {
        *use = PROFILE_KEPT;
    } else {
        ok = convert(p, profile, srgb, c);
        *use = PROFILE_CONVERTED;
    }
    cmsCloseProfile(srgb);
    return ok;
}

/* ---------------------------------------------------------------- both */

static const char *unusable(const picture *p, cmsHPROFILE profile) {
    if (profile == NULL) return "the colour profile is damaged";
    cmsColorSpaceSignature samples = cmsGetColorSpace(profile);
    if (samples == cmsSigGrayData && p->channels <= 2) return NULL;
    if (samples != cmsSigRgbData) return "the colour profile is for other pixels";
    return cmsIsIntentSupported(profile, INTENT, LCMS_USED_AS_OUTPUT) ? NULL : "the colour profile has no way back";
}

bool profile_read(picture *p, profile_use *use, complaint *c) {
    *use = PROFILE_NONE;
    if (p->icc.size == 0) return true;
    cmsHPROFILE profile = cmsOpenProfileFromMem(p->icc.bytes, (cmsUInt32Number)p->icc.size);
    const char *why = unusable(p, profile);
    bool ok = true;
    if (why != NULL) {
        warn(c, "%s and is left out", why);
        blob_free(&p->icc);
    } else {
        ok = cmsGetColorSpace(profile) == cmsSigGrayData ? read_gray(p, profile, c) : read_rgb(p, profile, use, c);
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

bool profile_read(picture *p, profile_use *use, complaint *c) {
    *use = PROFILE_NONE;
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
