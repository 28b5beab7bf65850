/*-------------------------------------------------------------------------
 *
 * content_md5.c
 *	  The header Content-MD5.
 *
 *-------------------------------------------------------------------------
 */
#include "content_md5.h"

#include <openssl/evp.h>

bool
content_md5(const void *content, size_t length, char text[MD5_TEXT_SIZE])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int size;

	if (EVP_Digest(content, length, digest, &size, EVP_md5(), NULL) != 1)
		return false;
	EVP_EncodeBlock((unsigned char *) text, digest, (int) size);
	return true;
}
