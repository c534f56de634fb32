/* SPDX-License-Identifier: BSD-2-Clause
 * The honest mark. Property names are those of the IPTC Photo Metadata Standard 2025.1. */
#include "mark.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "sha256.h"

#ifdef HAVE_BUILTIN_MODEL
#include "model_hash.h"
#else
#define BUILTIN_MODEL_SHA256 none /* then --model is always given */
#endif
#define TEXT(word)  TEXT_(word)
#define TEXT_(word) #word

#define SOURCE_TYPE "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"

/** The hash of the model that is used. That of the built-in one is taken when the program is built. */
static bool hash_model(const char *model, char text[65], complaint *c) {
    uint8_t *bytes;
    size_t size;
    if (model == NULL) {
        (void)snprintf(text, 65, "%s", TEXT(BUILTIN_MODEL_SHA256));
        return true;
    }
    if (!file_read(model, &bytes, &size, c)) return false;
    sha256_text(bytes, size, text);
    free(bytes);
    return true;
}

/** XMP is XML: control characters have no place in it, nor has a character that is cut in two. */
static void copy_name(colorizer *handle, char *to, uint64_t room) {
    if (colorizer_metadata(handle, "name", to, room, NULL) != COLORIZER_OK) (void)snprintf(to, room, "unnamed");
    for (; *to != '\0'; to++)
        if ((unsigned char)*to < 0x20) *to = ' ';
}

bool mark_make(mark *out, colorizer *handle, const char *model, uint32_t hints, complaint *c) {
    char name[128], hash[65];
    double strength = 0.0, vividness = 0.0;
    int64_t size = 0;
    if (!hash_model(model, hash, c)) return false;
    copy_name(handle, name, sizeof name);
    (void)colorizer_get_f(handle, COLORIZER_KEY_STRENGTH, &strength);
    (void)colorizer_get_f(handle, COLORIZER_KEY_VIVIDNESS, &vividness);
    (void)colorizer_get_i(handle, COLORIZER_KEY_SIZE, &size);
    *out = (mark){.property = {{.name = "DigitalSourceType", .value = SOURCE_TYPE},
                               {.name = "AISystemUsed"},
                               {.name = "AISystemVersionUsed"}}};
    (void)snprintf(out->software, sizeof out->software, MARK_SYSTEM "%s", colorizer_version());
    (void)snprintf(out->property[1].value, sizeof out->property[1].value, "%s, model %s", out->software, name);
    (void)snprintf(out->property[2].value, sizeof out->property[2].value, "model SHA-256 %s", hash);
    (void)snprintf(out->settings, sizeof out->settings,
                   "colorized; model %s; SHA-256 %s; strength %g; vividness %g; working size %lld; hints %u", name,
                   hash, strength, vividness, (long long)size, (unsigned)hints);
    return true;
}

/* ---------------------------------------------------------------- a packet of its own */

static bool put(blob *to, const char *text) { return blob_append(to, text, strlen(text)); }

static bool put_escaped(blob *to, const char *text) {
    bool ok = true;
    for (; ok && *text != '\0'; text++)
        ok = *text == '&'   ? put(to, "&amp;")
             : *text == '<' ? put(to, "&lt;")
             : *text == '>' ? put(to, "&gt;")
                            : blob_append(to, text, 1);
    return ok;
}

static bool put_element(blob *to, const char *prefix, const char *name, const char *value) {
    return put(to, "<") && put(to, prefix) && put(to, name) && put(to, ">") && put_escaped(to, value) &&
           put(to, "</") && put(to, prefix) && put(to, name) && put(to, ">");
}

bool mark_packet(const mark *m, blob *xmp, complaint *c) {
    bool ok = put(xmp, "<?xpacket begin=\"\xef\xbb\xbf\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>"
                       "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\">"
                       "<rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">"
                       "<rdf:Description rdf:about=\"\""
                       " xmlns:Iptc4xmpExt=\"http://iptc.org/std/Iptc4xmpExt/2008-02-29/\""
                       " xmlns:xmpMM=\"http://ns.adobe.com/xap/1.0/mm/\""
                       " xmlns:stEvt=\"http://ns.adobe.com/xap/1.0/sType/ResourceEvent#\">");
    for (int i = 0; ok && i < MARK_PROPERTIES; i++)
        ok = put_element(xmp, "Iptc4xmpExt:", m->property[i].name, m->property[i].value);
    ok = ok && put(xmp, "<xmpMM:History><rdf:Seq><rdf:li rdf:parseType=\"Resource\">") &&
         put_element(xmp, "stEvt:", "action", "edited") && put_element(xmp, "stEvt:", "softwareAgent", m->software) &&
         put_element(xmp, "stEvt:", "parameters", m->settings) &&
         put(xmp, "</rdf:li></rdf:Seq></xmpMM:History></rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end=\"w\"?>");
    return ok || fail(c, "not enough memory");
}
