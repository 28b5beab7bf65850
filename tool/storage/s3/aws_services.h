/*-------------------------------------------------------------------------
 *
 * aws_services.h
 *	  Keys that the platform hands out to who runs on it: the token service
 *	  for a web identity, the container's and the instance's own services.
 *
 * Each is told where it is by variables that the platform sets.  The
 * instance's service is asked by version 2 of its protocol only: version 1
 * gives keys to whoever can make a server fetch a URL.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_AWS_SERVICES_H
#define NEX_AWS_SERVICES_H

#include <stdbool.h>

#include "access_keys.h"
#include "platform_service.h"

typedef struct AwsServices
{
	const char *region; /* of the token service */
	PlatformNetwork network;
} AwsServices;

/* All return false with *problem, to be freed. */
extern bool aws_web_identity_keys(const AwsServices *services, const char *role,
								  const char *token_file, AccessKeys *keys, char **problem);
extern bool aws_container_keys(const AwsServices *services, AccessKeys *keys, char **problem);
extern bool aws_instance_keys(const AwsServices *services, AccessKeys *keys, char **problem);

/* What these services, and commands of profiles, print: an object in JSON. */
extern bool aws_keys_from_json(const char *text, size_t length, AccessKeys *keys, char **problem);

#endif /* NEX_AWS_SERVICES_H */
