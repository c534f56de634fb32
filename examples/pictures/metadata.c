/* SPDX-License-Identifier: BSD-2-Clause
 * EXIF, XMP and IPTC. gexiv2's error texts are exiv2's and meant for users. */
#include "metadata.h"

#include <stdlib.h>
#include <string.h>

static bool contains(const uint8_t *bytes, size_t size, const void *what, size_t length) {
    const uint8_t *at = bytes, *end = bytes + size;
    while ((size_t)(end - at) >= length && (at = memchr(at, *(const uint8_t *)what, (size_t)(end - at) - length + 1)))
        if (memcmp(at++, what, length) == 0) return true;
    return false;
}

bool metadata_has_manifest(const uint8_t *bytes, size_t size) {
    /* ISO/IEC 19566-5 description box, and the UUID that C2PA gives a manifest store, of which "c2pa" is the head */
    static const char head[] = "jumdc2pa\x00\x11\x00\x10\x80\x00\x00\xaa\x00\x38\x9b\x71";
    return contains(bytes, size, head, sizeof head - 1);
}

#ifdef HAVE_GEXIV2
#include <gexiv2/gexiv2.h>
#include <math.h>
#include <stdio.h>

struct metadata {
    GExiv2Metadata *all;
    long event; /* the mark's number in xmpMM:History; 0: it is not set */
};

/** exiv2's parser and writer of XMP want one thread at a time. */
static GMutex xmp_lock;

static bool fail_error(complaint *c, const char *what, GError *error) {
    (void)fail(c, "%s: %s", what, error != NULL ? error->message : "unknown");
    g_clear_error(&error);
    return false;
}

/* ---------------------------------------------------------------- reading */

static bool put_number(blob *to, size_t value) {
    const uint8_t bytes[4] = {(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16), (uint8_t)(value >> 24)};
    return blob_append(to, bytes, 4);
}

static bool put_chunk(blob *to, const char name[4], const blob *content) {
    return content->size == 0 ||
           (blob_append(to, name, 4) && put_number(to, content->size) &&
            blob_append(to, content->bytes, content->size) && (content->size % 2 == 0 || blob_append(to, "", 1)));
}

/** Bare EXIF and XMP in the one container that exiv2 opens and that needs neither checksums nor pixels: a WebP file.
 *  It serves, empty, for formats without metadata too. */
static bool wrap(blob *to, const picture *p) {
    static const uint8_t vp8x[18] = {'V', 'P', '8', 'X', 10, 0, 0, 0, 0x0c};
    if (p->exif.size > INT32_MAX / 4 || p->xmp.size > INT32_MAX / 4) return false;
    bool ok = blob_append(to, "RIFF", 4) && put_number(to, 0) && blob_append(to, "WEBP", 4) &&
              blob_append(to, vp8x, sizeof vp8x) && put_chunk(to, "EXIF", &p->exif) && put_chunk(to, "XMP ", &p->xmp);
    if (!ok) return false;
    size_t size = to->size - 8;
    for (int i = 0; i < 4; i++) to->bytes[4 + i] = (uint8_t)(size >> (8 * i));
    return true;
}

static bool open_wrapped(GExiv2Metadata *all, const picture *p) {
    blob file = {0};
    bool ok = wrap(&file, p) && gexiv2_metadata_open_buf(all, file.bytes, (glong)file.size, NULL);
    blob_free(&file);
    return ok;
}

static bool open_all(GExiv2Metadata **all, const uint8_t *bytes, size_t size, const picture *p, complaint *c) {
    static bool started;
    if (!started) {
        (void)gexiv2_initialize();
        gexiv2_log_set_level(GEXIV2_LOG_LEVEL_MUTE);
        started = true;
    }
    *all = gexiv2_metadata_new();
    bool boxes = p->exif.size > 0 || p->xmp.size > 0;
    if (boxes ? open_wrapped(*all, p) : gexiv2_metadata_open_buf(*all, bytes, (glong)size, NULL)) return true;
    if (boxes) warn(c, "EXIF and XMP are damaged and left out");
    return open_wrapped(*all, &(picture){0});
}

metadata *metadata_open(const uint8_t *bytes, size_t size, const picture *p, complaint *c) {
    metadata *m = calloc(1, sizeof *m);
    if (m == NULL) return NULL;
    g_mutex_lock(&xmp_lock);
    bool ok = open_all(&m->all, bytes, size, p, c);
    g_mutex_unlock(&xmp_lock);
    if (ok) return m;
    metadata_close(m);
    return NULL;
}

void metadata_close(metadata *m) {
    if (m != NULL) g_object_unref(m->all);
    free(m);
}

static bool has(const metadata *m, const char *tag) { return gexiv2_metadata_try_has_tag(m->all, tag, NULL); }

int metadata_orientation(const metadata *m) {
    if (m == NULL || !has(m, "Exif.Image.Orientation")) return 1;
    glong value = gexiv2_metadata_try_get_tag_long(m->all, "Exif.Image.Orientation", NULL);
    return value >= 1 && value <= 8 ? (int)value : 1;
}

bool metadata_has_mark(const metadata *m, const uint8_t *bytes, size_t size, const picture *p) {
    (void)bytes;
    (void)size;
    (void)p;
    if (m == NULL) return false;
    gchar *system = gexiv2_metadata_try_get_tag_string(m->all, "Xmp.iptcExt.AISystemUsed", NULL);
    bool ours = system != NULL && g_str_has_prefix(system, MARK_SYSTEM);
    g_free(system);
    return ours;
}

void metadata_density(const metadata *m, double density[2]) {
    static const char *const tags[2] = {"Exif.Image.XResolution", "Exif.Image.YResolution"};
    density[0] = density[1] = 0.0;
    if (m == NULL) return;
    glong unit = has(m, "Exif.Image.ResolutionUnit")
                     ? gexiv2_metadata_try_get_tag_long(m->all, "Exif.Image.ResolutionUnit", NULL)
                     : 2;
    for (int i = 0; i < 2; i++) {
        gint above = 0, below = 0;
        if (gexiv2_metadata_try_get_exif_tag_rational(m->all, tags[i], &above, &below, NULL) && above > 0 &&
            below > 0 && (unit == 2 || unit == 3))
            density[i] = (double)above / below * (unit == 3 ? 2.54 : 1.0);
    }
}

/* ---------------------------------------------------------------- changing */

static void drop(metadata *m, const char *tag) { (void)gexiv2_metadata_try_clear_tag(m->all, tag, NULL); }

/** Whether an EXIF tag tells of the file that was read: of its other pictures, of where its pixels lie. */
static bool is_of_the_file(const char *tag) {
    static const char *const groups[] = {"Exif.Image2.", "Exif.Image3.", "Exif.SubImage", "Exif.SubThumb",
                                         "Exif.Thumbnail."};
    static const char *const names[] = {"NewSubfileType",
                                        "SubfileType",
                                        "ImageWidth",
                                        "ImageLength",
                                        "BitsPerSample",
                                        "Compression",
                                        "PhotometricInterpretation",
                                        "Thresholding",
                                        "FillOrder",
                                        "StripOffsets",
                                        "SamplesPerPixel",
                                        "RowsPerStrip",
                                        "StripByteCounts",
                                        "PlanarConfiguration",
                                        "GrayResponseUnit",
                                        "GrayResponseCurve",
                                        "TransferFunction",
                                        "Predictor",
                                        "ColorMap",
                                        "TileWidth",
                                        "TileLength",
                                        "TileOffsets",
                                        "TileByteCounts",
                                        "SubIFDs",
                                        "ExtraSamples",
                                        "SampleFormat",
                                        "SMinSampleValue",
                                        "SMaxSampleValue",
                                        "JPEGTables",
                                        "JPEGInterchangeFormat",
                                        "JPEGInterchangeFormatLength",
                                        "YCbCrCoefficients",
                                        "YCbCrSubSampling",
                                        "YCbCrPositioning",
                                        "ReferenceBlackWhite",
                                        "InterColorProfile",
                                        "XMLPacket",
                                        "IPTCNAA",
                                        "ImageResources",
                                        "0xcd41"};
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        if (g_str_has_prefix(tag, groups[i])) return true;
    for (size_t i = 0; g_str_has_prefix(tag, "Exif.Image.") && i < sizeof names / sizeof *names; i++)
        if (strcmp(tag + 11, names[i]) == 0) return true;
    return false;
}

static void drop_what_was(metadata *m) {
    static const char *const xmp[] = {"Xmp.dcterms.provenance", "Xmp.xmp.Thumbnails"};
    gchar **tags = gexiv2_metadata_get_exif_tags(m->all);
    for (gchar **tag = tags; tag != NULL && *tag != NULL; tag++)
        if (is_of_the_file(*tag)) drop(m, *tag);
    g_strfreev(tags);
    gexiv2_metadata_try_erase_exif_thumbnail(m->all, NULL);
    for (size_t i = 0; i < sizeof xmp / sizeof *xmp; i++) drop(m, xmp[i]);
}

/** Sets a number that the metadata have already; no tag is added. */
static void correct(metadata *m, const char *tag, long value) {
    char text[32];
    (void)snprintf(text, sizeof text, "%ld", value);
    if (has(m, tag)) (void)gexiv2_metadata_try_set_tag_string(m->all, tag, text, NULL);
}

static void set_density(metadata *m, const picture *out, bool transposed) {
    double known[2];
    metadata_density(m, known);
    if (out->density[0] <= 0.0 || out->density[1] <= 0.0 || out->density[0] > 1e6 || out->density[1] > 1e6) return;
    if (known[0] > 0.0 && known[1] > 0.0 && (!transposed || known[0] == known[1])) return;
    const double *d = out->density, turned[2] = {known[1], known[0]};
    if (known[0] > 0.0 && known[1] > 0.0) d = turned;
    (void)gexiv2_metadata_try_set_exif_tag_rational(m->all, "Exif.Image.XResolution", (gint)lround(d[0] * 1000.0), 1000,
                                                    NULL);
    (void)gexiv2_metadata_try_set_exif_tag_rational(m->all, "Exif.Image.YResolution", (gint)lround(d[1] * 1000.0), 1000,
                                                    NULL);
    (void)gexiv2_metadata_try_set_tag_long(m->all, "Exif.Image.ResolutionUnit", 2, NULL);
}

static void describe_pixels(metadata *m, const picture *out, bool transposed) {
    correct(m, "Exif.Image.Orientation", 1);
    correct(m, "Xmp.tiff.Orientation", 1);
    correct(m, "Exif.Photo.PixelXDimension", out->width);
    correct(m, "Exif.Photo.PixelYDimension", out->height);
    correct(m, "Xmp.exif.PixelXDimension", out->width);
    correct(m, "Xmp.exif.PixelYDimension", out->height);
    correct(m, "Xmp.tiff.ImageWidth", out->width);
    correct(m, "Xmp.tiff.ImageLength", out->height);
    correct(m, "Xmp.tiff.SamplesPerPixel", 3);
    correct(m, "Xmp.tiff.PhotometricInterpretation", 2);
    correct(m, "Xmp.photoshop.ColorMode", 3); /* RGB */
    set_density(m, out, transposed);
}

static bool set_text(metadata *m, const char *tag, const char *value, complaint *c) {
    GError *error = NULL;
    return gexiv2_metadata_try_set_tag_string(m->all, tag, value, &error) ||
           fail_error(c, "cannot mark the output", error);
}

#define HISTORY "Xmp.xmpMM.History"

/** The number of the last event in the history; 0: there is none. gexiv2 sees only the leaves of a structure. */
static long last_event(const metadata *m) {
    long last = 0;
    gchar **tags = gexiv2_metadata_get_xmp_tags(m->all);
    for (gchar **tag = tags; tag != NULL && *tag != NULL; tag++) {
        if (!g_str_has_prefix(*tag, HISTORY "[")) continue;
        long number = strtol(*tag + strlen(HISTORY "["), NULL, 10);
        if (number > last && number < INT32_MAX) last = number;
    }
    g_strfreev(tags);
    return last;
}

/** The mark's event in xmpMM:History, behind those that are there. */
static bool set_event(metadata *m, const mark *made, complaint *c) {
    GError *error = NULL;
    char tag[80];
    long event = m->event > 0 ? m->event : last_event(m) + 1;
    if (event == 1 && m->event == 0 &&
        !gexiv2_metadata_try_set_xmp_tag_struct(m->all, HISTORY, GEXIV2_STRUCTURE_XA_SEQ, &error))
        return fail_error(c, "cannot mark the output", error);
    m->event = event;
    const char *const fields[3][2] = {
        {"action", "edited"}, {"softwareAgent", made->software}, {"parameters", made->settings}};
    bool ok = true;
    for (int i = 0; ok && i < 3; i++) {
        (void)snprintf(tag, sizeof tag, HISTORY "[%ld]/stEvt:%s", event, fields[i][0]);
        ok = set_text(m, tag, fields[i][1], c);
    }
    return ok;
}

bool metadata_mark(metadata *m, const mark *made, complaint *c) {
    bool ok = true;
    if (m == NULL || made == NULL) return true;
    for (int i = 0; ok && i < MARK_PROPERTIES; i++) {
        char tag[80];
        (void)snprintf(tag, sizeof tag, "Xmp.iptcExt.%s", made->property[i].name);
        ok = set_text(m, tag, made->property[i].value, c);
    }
    return ok && set_event(m, made, c);
}

void metadata_update(metadata *m, const picture *upright, bool transposed) {
    if (m == NULL) return;
    drop_what_was(m);
    describe_pixels(m, upright, transposed);
}

/* ---------------------------------------------------------------- IPTC without a place */

/** One IPTC property that may be there several times, in UTF-8: other bytes are taken for ISO 8859-1. */
static gchar **iptc_values(const metadata *m, const char *tag) {
    gchar **values = gexiv2_metadata_try_get_tag_multiple(m->all, tag, NULL);
    for (gchar **value = values; value != NULL && *value != NULL; value++) {
        if (g_utf8_validate(*value, -1, NULL)) continue;
        gchar *better = g_convert(*value, -1, "UTF-8", "ISO-8859-1", NULL, NULL, NULL);
        g_free(*value);
        *value = better != NULL ? better : g_strdup("");
    }
    return values;
}

/** Date and time are two properties of IPTC and one of XMP. */
static void date_to_xmp(metadata *m) {
    const char *const to = "Xmp.photoshop.DateCreated";
    gchar *date = gexiv2_metadata_try_get_tag_string(m->all, "Iptc.Application2.DateCreated", NULL);
    gchar *hour = gexiv2_metadata_try_get_tag_string(m->all, "Iptc.Application2.TimeCreated", NULL);
    if (date != NULL && !has(m, to)) {
        gchar *both = g_strconcat(date, hour != NULL ? "T" : "", hour, NULL);
        (void)gexiv2_metadata_try_set_tag_string(m->all, to, both, NULL);
        g_free(both);
    }
    g_free(date);
    g_free(hour);
}

void metadata_iptc_to_xmp(metadata *m, complaint *c) {
    /* as the IPTC's own mapping and the Metadata Working Group pair them; NULL: of no use without IPTC, or done above
     */
    static const char *const pairs[][2] = {
        {"Iptc.Envelope.CharacterSet", NULL},
        {"Iptc.Envelope.ModelVersion", NULL},
        {"Iptc.Application2.RecordVersion", NULL},
        {"Iptc.Application2.DateCreated", NULL},
        {"Iptc.Application2.TimeCreated", NULL},
        {"Iptc.Application2.ObjectName", "Xmp.dc.title"},
        {"Iptc.Application2.Caption", "Xmp.dc.description"},
        {"Iptc.Application2.Keywords", "Xmp.dc.subject"},
        {"Iptc.Application2.Byline", "Xmp.dc.creator"},
        {"Iptc.Application2.Copyright", "Xmp.dc.rights"},
        {"Iptc.Application2.BylineTitle", "Xmp.photoshop.AuthorsPosition"},
        {"Iptc.Application2.Headline", "Xmp.photoshop.Headline"},
        {"Iptc.Application2.Credit", "Xmp.photoshop.Credit"},
        {"Iptc.Application2.Source", "Xmp.photoshop.Source"},
        {"Iptc.Application2.City", "Xmp.photoshop.City"},
        {"Iptc.Application2.ProvinceState", "Xmp.photoshop.State"},
        {"Iptc.Application2.CountryName", "Xmp.photoshop.Country"},
        {"Iptc.Application2.SpecialInstructions", "Xmp.photoshop.Instructions"},
        {"Iptc.Application2.TransmissionReference", "Xmp.photoshop.TransmissionReference"},
        {"Iptc.Application2.Writer", "Xmp.photoshop.CaptionWriter"},
        {"Iptc.Application2.Category", "Xmp.photoshop.Category"},
        {"Iptc.Application2.SuppCategory", "Xmp.photoshop.SupplementalCategories"},
        {"Iptc.Application2.Urgency", "Xmp.photoshop.Urgency"},
        {"Iptc.Application2.CountryCode", "Xmp.iptc.CountryCode"},
        {"Iptc.Application2.SubLocation", "Xmp.iptc.Location"},
        {"Iptc.Application2.Subject", "Xmp.iptc.SubjectCode"}};
    enum { PAIRS = sizeof pairs / sizeof *pairs };
    if (m == NULL || !gexiv2_metadata_has_iptc(m->all)) return;
    date_to_xmp(m);
    gchar **tags = gexiv2_metadata_get_iptc_tags(m->all); /* each once */
    for (gchar **tag = tags; tag != NULL && *tag != NULL; tag++) {
        size_t i = 0;
        while (i < PAIRS && strcmp(*tag, pairs[i][0]) != 0) i++;
        if (i == PAIRS) warn(c, "%s has no place in this format and is left out", *tag);
        if (i == PAIRS || pairs[i][1] == NULL || has(m, pairs[i][1])) continue;
        gchar **values = iptc_values(m, *tag);
        if (values != NULL && values[0] != NULL && values[1] != NULL)
            (void)gexiv2_metadata_try_set_tag_multiple(m->all, pairs[i][1], (const gchar **)values, NULL);
        else if (values != NULL && values[0] != NULL)
            (void)gexiv2_metadata_try_set_tag_string(m->all, pairs[i][1], values[0], NULL);
        g_strfreev(values);
    }
    g_strfreev(tags);
    gexiv2_metadata_clear_iptc(m->all);
}

/* ---------------------------------------------------------------- writing */

static bool is_empty(const metadata *m) {
    return !gexiv2_metadata_has_exif(m->all) && !gexiv2_metadata_has_xmp(m->all) && !gexiv2_metadata_has_iptc(m->all);
}

bool metadata_save(metadata *m, const char *path, complaint *c) {
    GError *error = NULL;
    if (m == NULL || is_empty(m)) return true;
    g_mutex_lock(&xmp_lock);
    bool ok = gexiv2_metadata_save_file(m->all, path, &error);
    g_mutex_unlock(&xmp_lock);
    return ok || fail_error(c, "cannot write the metadata", error);
}

bool metadata_to_boxes(metadata *m, picture *out, complaint *c) {
    GError *error = NULL;
    bool ok = true;
    blob_free(&out->exif);
    blob_free(&out->xmp);
    if (m == NULL) return true;
    if (gexiv2_metadata_has_exif(m->all)) {
        GBytes *exif = gexiv2_metadata_get_exif_data(m->all, GEXIV2_BYTE_ORDER_LITTLE, &error);
        if (exif == NULL) return fail_error(c, "cannot write EXIF", error);
        ok = blob_copy(&out->exif, g_bytes_get_data(exif, NULL), g_bytes_get_size(exif));
        g_bytes_unref(exif);
    }
    if (ok && gexiv2_metadata_has_xmp(m->all)) {
        g_mutex_lock(&xmp_lock);
        gchar *packet = gexiv2_metadata_try_generate_xmp_packet(m->all, GEXIV2_USE_COMPACT_FORMAT, 0, &error);
        g_mutex_unlock(&xmp_lock);
        if (packet == NULL) return fail_error(c, "cannot write XMP", error);
        ok = blob_copy(&out->xmp, packet, strlen(packet));
        g_free(packet);
    }
    return ok || fail(c, "not enough memory");
}

#else

metadata *metadata_open(const uint8_t *bytes, size_t size, const picture *p, complaint *c) {
    if (contains(bytes, size, "Exif\0\0", 6) || contains(bytes, size, "eXIf", 4) || contains(bytes, size, "EXIF", 4) ||
        contains(bytes, size, "<x:xmpmeta", 10) || p->exif.size > 0 || p->xmp.size > 0)
        warn(c, "EXIF, XMP and orientation are left out: this build has no gexiv2");
    return NULL;
}

void metadata_close(metadata *m) { (void)m; }

int metadata_orientation(const metadata *m) {
    (void)m;
    return 1;
}

/** As mark_packet() writes it, and as exiv2 does. */
bool metadata_has_mark(const metadata *m, const uint8_t *bytes, size_t size, const picture *p) {
    static const char *const forms[] = {"AISystemUsed>" MARK_SYSTEM, "AISystemUsed=\"" MARK_SYSTEM};
    (void)m;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (contains(bytes, size, forms[i], strlen(forms[i])) ||
            (p->xmp.size > 0 && contains(p->xmp.bytes, p->xmp.size, forms[i], strlen(forms[i]))))
            return true;
    return false;
}

void metadata_density(const metadata *m, double density[2]) {
    (void)m;
    density[0] = density[1] = 0.0;
}

void metadata_update(metadata *m, const picture *upright, bool transposed) {
    (void)m;
    (void)upright;
    (void)transposed;
}

bool metadata_mark(metadata *m, const mark *made, complaint *c) {
    (void)m;
    (void)made;
    (void)c;
    return true;
}

void metadata_iptc_to_xmp(metadata *m, complaint *c) {
    (void)m;
    (void)c;
}

bool metadata_save(metadata *m, const char *path, complaint *c) {
    (void)m;
    (void)path;
    (void)c;
    return true;
}

bool metadata_to_boxes(metadata *m, picture *out, complaint *c) {
    (void)m;
    (void)c;
    blob_free(&out->exif);
    blob_free(&out->xmp);
    return true;
}

#endif
