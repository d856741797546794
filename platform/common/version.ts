/** The platform's version, compared between CLI and pilot. Kept equal to package.json by a test. */
export const platformVersion = '0.1.0';
