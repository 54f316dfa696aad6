// Generated from the Go request structs by `make gen`. Do not edit.

import type { Call, CallOptions, ListCall } from './index.js';

export interface InspectIn {
  /** image reference */
  ref: string;
  /** os/arch[/variant] to choose from an index */
  platform?: string;
  /** write the manifest or index exactly as received; with a platform, that platform's manifest */
  raw?: boolean;
  /** write the config exactly as received */
  config?: boolean;
  /** list what refers to it: signatures, attestations, SBOMs */
  referrers?: boolean;
  /** where raw or config goes: a file, or - for standard output */
  output?: string;
}

export interface InspectOut {
  /** as it was asked for */
  reference: string;
  mediaType: string;
  digest: string;
  /** bytes of the manifest or index, or of the config */
  size: number;
  kind: 'index' | 'image' | 'artifact' | 'attestation' | 'config';
  artifactType?: string;
  /** the manifest that this one refers to */
  subject?: Descriptor;
  annotations?: Record<string, string>;
  /** what an index holds */
  manifests?: ChildManifest[];
  /** of an index: the image for the platform asked for, or for the default one where there is one */
  image?: ImageInfo;
  /** of an artifact: its content */
  blobs?: Descriptor[];
  /** what refers to it, or to the image that was chosen of it, where that was asked for */
  referrers?: Referrer[];
}

export interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
  urls?: string[];
  annotations?: Record<string, string>;
  data?: string;
  platform?: Platform;
  artifactType?: string;
}

export interface Platform {
  architecture: string;
  os: string;
  'os.version'?: string;
  'os.features'?: string[];
  variant?: string;
}

export interface ChildManifest {
  platform?: string;
  mediaType: string;
  digest: string;
  /** bytes of the manifest */
  size: number;
  artifactType?: string;
  /** the image in this index that a build attestation is about */
  attestationFor?: string;
  annotations?: Record<string, string>;
}

export interface ImageInfo {
  /** of the manifest */
  digest: string;
  platform?: string;
  /** RFC 3339, UTC */
  created?: string;
  author?: string;
  /** bytes of config and layers as they are stored */
  totalSize: number;
  config: RunConfig;
  layers: LayerInfo[];
  history: HistoryItem[];
}

export interface RunConfig {
  user?: string;
  workingDir?: string;
  entrypoint: string[];
  cmd: string[];
  env: string[];
  exposedPorts: string[];
  volumes: string[];
  stopSignal?: string;
  labels: Record<string, string>;
}

export interface LayerInfo {
  index: number;
  mediaType: string;
  digest: string;
  /** bytes as stored */
  size: number;
  /** digest of the uncompressed layer */
  diffId?: string;
  createdBy?: string;
}

export interface HistoryItem {
  /** RFC 3339, UTC */
  created?: string;
  createdBy?: string;
  author?: string;
  comment?: string;
  /** the step made no layer */
  emptyLayer?: boolean;
}

export interface Referrer {
  /** the subject */
  to: string;
  mediaType: string;
  digest: string;
  /** bytes of the manifest */
  size: number;
  artifactType?: string;
  annotations?: Record<string, string>;
  /** cosign's tag, which says so in place of a subject: sha256-....sig, .att or .sbom */
  tag?: string;
}

export interface DigestIn {
  /** image reference */
  ref?: string;
  /** a file instead of an image; - is standard input */
  file?: string;
  /** hash with this algorithm (default: sha256, or what the reference is addressed by) */
  algorithm?: 'sha256' | 'sha384' | 'sha512';
  /** os/arch[/variant]: the digest of that platform's manifest */
  platform?: string;
}

export interface DigestOut {
  digest: string;
  /** bytes */
  size: number;
  mediaType?: string;
}

export interface TagsIn {
  /** repository, layout or archive, without a tag */
  ref: string;
  /** stop after so many */
  limit?: number;
  /** start after this tag */
  after?: string;
}

export interface FilesIn {
  /** image reference */
  ref: string;
  /** only paths that match; ** crosses folders, a pattern without / matches base names, a name without wildcards stands for all that is in it, too */
  globs?: string[];
  /** os/arch[/variant] to choose from an index */
  platform?: string;
  /** one layer as it is, counted from 0, with its whiteouts */
  layer?: number;
}

export interface FileItem {
  /** absolute; bytes that are not UTF-8 are replaced by U+FFFD */
  path: string;
  /** the exact bytes of a path that is not UTF-8 */
  pathBase64?: string;
  /** hardlink, whiteout and opaque occur in a single layer; hardlink also where the target does not exist */
  type: 'file' | 'dir' | 'symlink' | 'hardlink' | 'char' | 'block' | 'fifo' | 'whiteout' | 'opaque';
  /** permission, set-ID and sticky bits in octal, four digits */
  mode: string;
  uid: number;
  gid: number;
  /** bytes of content */
  size: number;
  /** RFC 3339, UTC */
  mtime: string;
  /** text of a symbolic link, target of a hard link */
  linkTarget?: string;
  /** first path of the same file */
  hardlinkOf?: string;
  /** the exact bytes of linkTarget or hardlinkOf where they are not UTF-8 */
  linkBase64?: string;
  /** names of extended attributes */
  xattrs: string[];
  devMajor?: number;
  devMinor?: number;
  /** layer that the path or its last change came from, counted from 0 */
  layer: number;
}

export interface LayersIn {
  /** image reference */
  ref: string;
  /** os/arch[/variant] to choose from an index */
  platform?: string;
  /** give each layer's own entries before it, while they are read */
  entries?: boolean;
  /** give the merged file system after the last layer; where a layer cannot be read, that of the layers below it, before the error */
  files?: boolean;
}

export interface LayersItem {
  layer?: LayerItem;
  /** what the layer itself has, with its whiteouts, in the order of the archive */
  entry?: FileItem;
  /** a path of the merged file system, as files gives it */
  file?: FileItem;
}

export interface LayerItem {
  /** counted from 0 */
  index: number;
  mediaType: string;
  digest: string;
  /** bytes as stored */
  size: number;
  /** digest of the uncompressed layer */
  diffId?: string;
  createdBy?: string;
  /** entries of the archive that are part of the file system */
  entries: number;
  /** bytes of content of its files */
  unpacked: number;
  /** files that were not there */
  added: FileCount;
  /** files that were there; bytes are of their new content */
  changed: FileCount;
  /** bytes that the changed files had, which are in the image still and seen no more */
  replaced: number;
  /** files of lower layers that are seen no more */
  hidden: FileCount;
}

export interface FileCount {
  files: number;
  bytes: number;
}

export interface CatIn {
  /** image reference */
  ref: string;
  /** file in the image; symbolic links are followed inside the image */
  path?: string;
  /** in place of the path: its bytes in base 64, for one that is not UTF-8 */
  pathBase64?: string;
  /** os/arch[/variant] to choose from an index */
  platform?: string;
  /** the file as this layer has it, counted from 0 */
  layer?: number;
  /** write to this file; - is standard output */
  output?: string;
}

export interface CatOut {
  /** as it was asked for */
  path: string;
  /** where the file was found, absolute, links followed */
  resolved: string;
  /** bytes written */
  size: number;
  /** SHA-256 of the bytes written */
  digest: string;
  /** layer that has the content, counted from 0 */
  layer: number;
}

export interface ExportIn {
  /** image reference */
  ref: string;
  /** folder or file in the image; symbolic links are followed inside the image (default: everything) */
  path?: string;
  /** os/arch[/variant] to choose from an index */
  platform?: string;
  /** one layer alone, counted from 0: what it holds, without its whiteouts */
  layer?: number;
  /** write to this file; - is standard output */
  output?: string;
}

export interface ExportOut {
  /** entries of the archive */
  entries: number;
  /** bytes of the archive */
  size: number;
  /** SHA-256 of the archive */
  digest: string;
}

export interface ValidateIn {
  /** image, index or artifact, all of whose content is read */
  ref: string;
}

export interface ValidateItem {
  digest: string;
  kind: 'index' | 'manifest' | 'config' | 'layer' | 'blob';
  /** bytes, by its descriptor */
  size: number;
  /** of a layer: the digest of its content without compression */
  diffId?: string;
  /** what is wrong with it */
  error?: Wire;
}

export interface Wire {
  kind: string;
  message: string;
  hint?: string;
}

export interface CatalogIn {
  /** host[:port] of a registry */
  registry: string;
  /** stop after so many */
  limit?: number;
  /** start after this repository */
  after?: string;
}

export interface ManifestGetIn {
  /** manifest or index */
  ref: string;
  /** where its bytes go: a file, or - for standard output */
  output?: string;
}

export interface ManifestOut {
  digest: string;
  /** bytes */
  size: number;
  mediaType: string;
}

export interface ManifestHeadIn {
  /** manifest or index */
  ref: string;
}

export interface BlobGetIn {
  /** repository@digest */
  ref: string;
  /** where its bytes go: a file, or - for standard output */
  output?: string;
}

export interface BlobOut {
  digest: string;
  /** bytes */
  size: number;
}

export interface BlobHeadIn {
  /** repository@digest */
  ref: string;
}

export interface CopyIn {
  /** image, index or artifact to copy */
  source: string;
  /** where it goes; several tags of one endpoint are written in one go */
  destinations: string[];
  /** os/arch[/variant] to take of an index; one alone is taken out of it, several stay a smaller index (repeat the flag) */
  platforms?: string[];
  /** what becomes of build attestations inside an index (default: they stay with their image) */
  attestations?: 'keep' | 'drop';
  /** media types to write; changes the digest of what had the others */
  format?: 'oci' | 'docker';
  /** compression that layers get; changes the digest */
  compress?: 'gzip' | 'zstd';
  /** take along what refers to the image: signatures, attestations, SBOMs */
  referrers?: boolean;
  /** take along cosign's tags of it: sha256-....sig, .att and .sbom */
  digestTags?: boolean;
  /** fail rather than change a digest */
  preserveDigests?: boolean;
  /** read again what the destination has, and repair what is corrupted */
  verifyExisting?: boolean;
  /** say what would be copied and copy nothing */
  dryRun?: boolean;
  /** bytes a second to read at most */
  maxRate?: number;
}

export interface CopyOut {
  /** as it was asked for */
  source: string;
  sourceDigest: string;
  /** of what was written, to the last destination; other than the source's where the copy had to change it */
  digest: string;
  mediaType: string;
  /** bytes of the manifest or index */
  size: number;
  destinations: Copied[];
  /** what of the source was not copied, in words */
  left: string[];
  /** nothing was written */
  dryRun?: boolean;
}

export interface Copied {
  references: string[];
  /** of what these name now: another one than elsewhere where the endpoint holds no index */
  digest: string;
  /** of the image, and of what comes with it */
  manifests: number;
  /** of the manifests: those that were not there, or not under that name or among the referrers */
  written: number;
  /** read and written */
  stored: Count;
  /** there already */
  existed: Count;
  /** taken over inside the registry */
  mounted: Count;
  /** of those stored: what is one file with the source's now and takes no space, where the file system can do that */
  linked?: Count;
  /** blobs that were there and corrupted */
  repaired?: number;
  /** requests that were sent again, to either end, after a failure that passed */
  retries?: number;
}

export interface Count {
  blobs: number;
  bytes: number;
}

export interface SyncIn {
  /** what is kept in step with what: on the command line a file of SRC DST lines, of these jobs as JSON, or of skopeo's or regsync's YAML; - is standard input */
  jobs: SyncJob[];
  /** take along what refers to each image: signatures, attestations, SBOMs */
  referrers?: boolean;
  /** take along cosign's tags of each image: sha256-....sig, .att and .sbom */
  digestTags?: boolean;
  /** copy what seems unchanged, too, and repair what is corrupted */
  verifyExisting?: boolean;
  /** delete tags of the destination that the source does not have, of those that the job selects; lists of referrers stay */
  prune?: boolean;
  /** say what would be done and do nothing */
  dryRun?: boolean;
  /** i/n: only the i-th of n parts of the work, the same parts on every machine */
  shard?: string;
  /** bytes a second to read at most, of each image */
  maxRate?: number;
}

export interface SyncItem {
  /** absent where a tag of the destination is deleted */
  source?: string;
  destination: string;
  action: 'copied' | 'unchanged' | 'deleted' | 'failed' | 'would copy' | 'would delete';
  digest?: string;
  /** what the destination had before */
  replaced?: string;
  /** as copy's */
  manifests?: number;
  /** as copy's */
  written?: number;
  stored?: Count;
  existed?: Count;
  mounted?: Count;
  /** of those stored, as copy's */
  linked?: Count;
  /** requests that were sent again after a failure that passed */
  retries?: number;
  left?: string[];
  error?: Wire;
}

export interface SyncJob {
  source: string;
  destination: string;
  /** which tags of the source, {} for all; absent for one image */
  tags?: Selection;
  /** images of the source by digest, besides the tags */
  digests?: string[];
  /** what tags are called at the destination, the first rule that matches */
  rename?: Rename[];
  /** as copy's */
  platforms?: string[];
  /** as the request's, of this job */
  referrers?: boolean;
  /** as the request's, of this job */
  digestTags?: boolean;
}

export interface Selection {
  /** globs, of which one has to match */
  include?: string[];
  /** globs, of which none may match */
  exclude?: string[];
  /** regular expression that has to match the whole tag */
  match?: string;
  /** regular expression that must not match the whole tag */
  noMatch?: string;
  /** range of versions, as >=1.2 <2 or ~1.4; tags that are no version are left out, and pre-releases unless the range names one */
  semver?: string;
  /** only so many of the highest versions, tags that are no version coming last */
  newest?: number;
}

export interface Rename {
  /** regular expression that has to match the whole tag */
  match: string;
  /** the new tag, $1 being the first group */
  replace: string;
}

export interface BundleIn {
  /** oci-archive:FILE, FILE or - for standard output; oci:FOLDER makes a layout instead */
  archive: string;
  /** images that go into it, each under its whole name */
  refs: string[];
  /** an earlier bundle, or a registry (host or docker://host): blobs that the repository of an image has there are left out */
  since?: string;
  /** as copy's (repeat the flag) */
  platforms?: string[];
  /** leave out what refers to the images, and cosign's tags of them */
  noReferrers?: boolean;
}

export interface BundleOut {
  images: Bundled[];
  /** blobs in the bundle */
  stored: Count;
  /** blobs that are in it for another image already, or left out because they are at since */
  existed: Count;
}

export interface Bundled {
  /** its tag in the bundle: the whole reference, with the registry */
  name: string;
  digest: string;
  /** what of the image is not in the bundle, in words */
  left: string[];
}

export interface LoadIn {
  /** oci-archive:FILE, FILE, oci:FOLDER, or - for standard input */
  archive: string;
  /** where images go: host[:port][/prefix] of a registry, before their own repository; or oci:FOLDER */
  to: string;
  /** globs of names in the bundle; all without (repeat the flag) */
  images?: string[];
  /** say what would be loaded and load nothing */
  dryRun?: boolean;
}

export interface TagIn {
  /** manifest or index that is there */
  ref: string;
  /** names to give it in the same place */
  tags: string[];
}

export interface TagOut {
  digest: string;
  tags: string[];
}

export interface DeleteIn {
  /** a tag, which is taken away from its manifest, or a digest, which is deleted with all its tags; in a layout the last tag takes its manifest and blobs along */
  ref: string;
  /** delete the manifest that the tag names, and so every other tag of it */
  manifest?: boolean;
  /** delete what refers to the manifest first, where that is deleted: signatures, attestations, SBOMs */
  referrers?: boolean;
  /** say what would be deleted and delete nothing */
  dryRun?: boolean;
}

export interface DeleteOut {
  tag?: string;
  /** what the reference named */
  digest: string;
  /** the manifest itself was deleted, not only a tag */
  manifest: boolean;
  referrers: string[];
  /** nothing was deleted */
  dryRun?: boolean;
}

export interface CleanIn {
  /** layout, folder or archive that copies were written to */
  ref: string;
  /** say what is left and remove nothing */
  dryRun?: boolean;
}

export interface CleanOut {
  /** parts of blobs, and of an archive that was never finished all blobs */
  leftovers: Leftover[];
  /** of all of them */
  bytes: number;
  /** nothing was removed */
  dryRun?: boolean;
}

export interface Leftover {
  /** of the whole blob */
  digest: string;
  /** bytes that are there */
  size: number;
}

export interface ManifestPutIn {
  /** tag or digest that it gets */
  ref: string;
  /** the manifest; - is standard input */
  file: string;
  /** media type, where the manifest does not say it itself */
  mediaType?: string;
}

export interface BlobPutIn {
  /** repository, or repository@digest to have the digest checked */
  ref: string;
  /** the content, which is read twice: standard input is no such file */
  file: string;
}

export interface ProbeIn {
  /** repository of the registry, with an image in it to try things on */
  ref: string;
  /** try writing and deleting, too; nothing stays, and nothing that is there is touched */
  push?: boolean;
}

export interface Abilities {
  registry: string;
  origin: string;
  auth: string[];
  tags: string;
  catalog: string;
  referrers: string;
  ranges: string;
  digest: string;
  push: string;
  anonymousMount: string;
  chunks: string;
  chunkMin: number;
  uploadStatus: string;
  uploadCancel: string;
  deleteManifest: string;
  deleteTag: string;
  deleteBlob: string;
  why: Record<string, string>;
  allowOrigin: string;
  exposeHeaders: string[];
  rateLimit: number;
  rateRemaining: number;
  rateWindow: number;
}

export interface VersionIn {
}

export interface VersionOut {
  version: string;
  abi: number;
  verbs: string[];
}

/** The verbs, each by its name: manifest-get is manifestGet. */
export interface Verbs<Options = CallOptions> {
  /** Say what an image, index or artifact is. */
  inspect(request: InspectIn, options?: Options): Call<InspectOut & { bytes?: Uint8Array }>;
  /** Tell the digest of an image or a file. */
  digest(request: DigestIn, options?: Options): Call<DigestOut>;
  /** List the tags of a repository. */
  tags(request: TagsIn, options?: Options): ListCall<string>;
  /** List the files of an image, merged or layer by layer. */
  files(request: FilesIn, options?: Options): ListCall<FileItem>;
  /** Say what each layer adds, changes and hides. */
  layers(request: LayersIn, options?: Options): ListCall<LayersItem>;
  /** Write one file of an image. */
  cat(request: CatIn, options?: Options): Call<CatOut & { bytes?: Uint8Array }>;
  /** Write the file system of an image, a folder of it or a layer as a tar archive. */
  export(request: ExportIn, options?: Options): Call<ExportOut & { bytes?: Uint8Array }>;
  /** Read all of an image and check every digest, size and diff ID. */
  validate(request: ValidateIn, options?: Options): ListCall<ValidateItem>;
  /** List the repositories of a registry. */
  catalog(request: CatalogIn, options?: Options): ListCall<string>;
  /** Write a manifest or index exactly as it is there. */
  manifestGet(request: ManifestGetIn, options?: Options): Call<ManifestOut & { bytes?: Uint8Array }>;
  /** Tell whether a manifest is there, and what it is. */
  manifestHead(request: ManifestHeadIn, options?: Options): Call<ManifestOut>;
  /** Write a blob. */
  blobGet(request: BlobGetIn, options?: Options): Call<BlobOut & { bytes?: Uint8Array }>;
  /** Tell whether a blob is there, and its size. */
  blobHead(request: BlobHeadIn, options?: Options): Call<BlobOut>;
  /** Copy an image, an index or an artifact from anywhere to anywhere. */
  copy(request: CopyIn, options?: Options): Call<CopyOut>;
  /** Keep repositories in step: copy what changed, and say what was done. */
  sync(request: SyncIn, options?: Options): ListCall<SyncItem>;
  /** Put images, with all that refers to them, into one archive. */
  bundle(request: BundleIn, options?: Options): Call<BundleOut>;
  /** Bring the images of a bundle to a registry. */
  load(request: LoadIn, options?: Options): ListCall<SyncItem>;
  /** Give a manifest more tags where it is. */
  tag(request: TagIn, options?: Options): Call<TagOut>;
  /** Take a tag away, or delete a manifest. */
  delete(request: DeleteIn, options?: Options): Call<DeleteOut>;
  /** Remove what copies left that broke off. */
  clean(request: CleanIn, options?: Options): Call<CleanOut>;
  /** Write a manifest or index from a file. */
  manifestPut(request: ManifestPutIn, options?: Options): Call<ManifestOut>;
  /** Upload a file as a blob. */
  blobPut(request: BlobPutIn, options?: Options): Call<BlobOut>;
  /** Find out what a registry can do. */
  probe(request: ProbeIn, options?: Options): Call<Abilities>;
  /** Tell which build this is and what it can do. */
  version(request?: VersionIn, options?: Options): Call<VersionOut>;
}
