export { startApiServer, type ApiServer } from './api-server.ts';
export { openBrowser, type TestBrowser } from './open-browser.ts';
export { openPage, type OpenedPage, type PageOptions } from './open-page.ts';
export { createEmptyNode, createNode, type SampleNode } from './sample-api.ts';
