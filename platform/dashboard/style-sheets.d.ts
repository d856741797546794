/** Style sheets are imported for the bundle's sake; they export nothing. */
declare module '*.css';
