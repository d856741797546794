/** POST to a function: http-door.ts serves, http-route.ts finds the trigger, http-request.ts reads, http-error.ts answers. */
export { HttpDoor, type HttpDoorOptions } from './http-door.ts';
export { readRequestBody } from './http-request.ts';
export { type HttpRoute, overlappingRoute } from './http-route.ts';
