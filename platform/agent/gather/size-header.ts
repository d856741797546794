/** Which the server adds for a reader of headers only: the payload's bytes. */
export const sizeHeader = 'Nats-Msg-Size';
