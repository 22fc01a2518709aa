import Platform
import Tensors

/// What tells the common objects of several pictures from the rest: clusters of descriptors, some of
/// them salient. Made by fitting it to pictures; then also of use for others.
///
/// - Paper: Amir et al., "Deep ViT Features as Dense Visual Descriptors" (2021), section 4.2;
///   code: dino-vit-features, cosegmentation.py.
public struct CoSegmentation: Sendable {
    public let options: Options
    /// The centres of the clusters, `[clusters, channels]`; none where every picture was an outlier.
    public let centres: Tensor
    /// Of each cluster, whether it is foreground.
    public let isSalient: [Bool]
    /// The mean of the class tokens of the pictures that were fitted, where outliers are looked for.
    public let meanClassToken: Tensor?

    /// How the pictures are divided. The defaults are those of cosegmentation.py, in whose words the
    /// names in brackets are.
    public struct Options: Hashable, Sendable, Codable {
        public var taps = SegmentationTaps()
        public var clustering = DescriptorClustering()
        /// Clusters are added as long as the mean squared distance falls below this times what it
        /// was (`elbow`).
        public var elbow = 0.975
        /// A picture votes for a cluster whose mean saliency in it is above this (`thresh`).
        public var threshold: Float = 0.065
        /// A cluster is salient with the votes of this part of the pictures, in percent
        /// (`votes_percentage`).
        public var votePercentage = 75
        /// A picture is an outlier, and its mask empty, where the cosine between its class token and
        /// their mean is below this; nil: there are no outliers (`remove_outliers`;
        /// `outliers_thresh` is `usualOutlierThreshold`).
        public var outlierThreshold: Float?
        /// How masks are made to follow the edges of the picture; nil: not at all.
        public var refinement: GrabCut? = GrabCut()
        /// Seeds k-means and GrabCut; 1234 is faiss's default, which the reference leaves as it is.
        public var seed: UInt64 = 1234

        /// `outliers_thresh`.
        public static let usualOutlierThreshold: Float = 0.7

        public init() {}
    }

    init(
        options: Options, centres: Tensor, isSalient: [Bool], meanClassToken: Tensor?
    ) {
        self.options = options
        self.centres = centres
        self.isSalient = isSalient
        self.meanClassToken = meanClassToken
    }

    /// Divides the descriptors of all pictures into clusters, as many as the elbow rule finds, and
    /// lets each picture vote for those that are salient in it.
    ///
    /// Outliers neither are clustered nor vote. No salient cluster makes empty masks, none but
    /// salient ones full masks.
    ///
    /// - Precondition: there is a picture; all have the same channels and a saliency map, and class
    ///   tokens where outliers are looked for.
    /// - Complexity: O(descriptors * channels * clusters) beside k-means on every
    ///   `sampleInterval`-th; memory for the sample beside the pictures.
    public init(fitting pictures: [SegmentationFeatures], options: Options = Options()) {
        self.init(fitting: pictures, augmentations: [], options: options)
    }

    /// - Parameter augmentations: are clustered too but do not vote.
    init(
        fitting pictures: [SegmentationFeatures], augmentations: [SegmentationFeatures],
        options: Options
    ) {
        require(!pictures.isEmpty, "CoSegmentation: there is no picture")
        let meanClassToken = options.outlierThreshold.map { _ in mean(pictures) }
        func isInlier(_ picture: SegmentationFeatures) -> Bool {
            !Self.isOutlier(picture, meanClassToken, options)
        }
        let voters = pictures.filter(isInlier)
        guard !voters.isEmpty else {
            let channels = pictures[0].descriptors.channels
            self.init(
                options: options, centres: Tensor(repeating: 0, shape: [0, channels]),
                isSalient: [], meanClassToken: meanClassToken)
            return
        }
        let elbow = options.clustering.fit(
            (voters + augmentations.filter(isInlier)).map { .init($0.descriptors.matrix) },
            elbow: options.elbow, seed: options.seed)
        var votes = [Int](repeating: 0, count: elbow.centres.shape[0])
        for picture in voters {
            for cluster in Self.salientClusters(picture, elbow.centres, options) {
                votes[cluster] += 1
            }
        }
        let needed = (voters.count * options.votePercentage + 99) / 100
        self.init(
            options: options, centres: elbow.centres, isSalient: votes.map { $0 >= needed },
            meanClassToken: meanClassToken)
    }

    /// The clusters of a picture whose mean saliency is above the threshold.
    private static func salientClusters(
        _ picture: SegmentationFeatures, _ centres: Tensor, _ options: Options
    ) -> [Int] {
        guard let saliency = picture.saliency else {
            fail("CoSegmentation: a picture to fit has no saliency map")
        }
        var sums = [Double](repeating: 0, count: centres.shape[0])
        var counts = [Int](repeating: 0, count: centres.shape[0])
        let labels = NearestCentres(of: picture.descriptors.matrix, among: centres).labels
        for (label, value) in zip(labels, saliency.values.elements) {
            sums[label] += Double(value)
            counts[label] += 1
        }
        return sums.indices.filter {
            counts[$0] > 0 && sums[$0] / Double(counts[$0]) > Double(options.threshold)
        }
    }

    /// Whether a picture shows something else than the pictures that were fitted.
    public func isOutlier(_ picture: SegmentationFeatures) -> Bool {
        Self.isOutlier(picture, meanClassToken, options)
    }

    private static func isOutlier(
        _ picture: SegmentationFeatures, _ mean: Tensor?, _ options: Options
    ) -> Bool {
        guard let mean, let threshold = options.outlierThreshold else { return false }
        guard let token = picture.classToken, token.shape == mean.shape else {
            fail(
                "CoSegmentation: class tokens \(picture.classToken?.shape ?? []) and \(mean.shape)")
        }
        let product = zip(token.elements, mean.elements).reduce(0.0) {
            $0 + Double($1.0) * Double($1.1)
        }
        let lengths = [token, mean].map { tensor in
            tensor.elements.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
        }
        // PyTorch's CosineSimilarity takes a length as at least 1e-8.
        return product / (max(lengths[0], 1e-8) * max(lengths[1], 1e-8)) < Double(threshold)
    }

    /// Each cell's cluster; none where there are no clusters.
    ///
    /// - Precondition: the picture's descriptors have the clusters' channels.
    public func clusters(of picture: SegmentationFeatures) -> [Int] {
        guard centres.shape[0] > 0 else { return [] }
        return NearestCentres(of: picture.descriptors.matrix, among: centres).labels
    }

    /// Of each cell whether it is foreground.
    ///
    /// - Precondition: as `clusters(of:)`.
    public func foreground(of picture: SegmentationFeatures) -> [Bool] {
        guard isSalient.contains(true), !isOutlier(picture) else {
            return Array(repeating: false, count: picture.descriptors.grid.count)
        }
        return clusters(of: picture).map { isSalient[$0] }
    }
}

/// The mean of the pictures' class tokens.
private func mean(_ pictures: [SegmentationFeatures]) -> Tensor {
    let tokens = pictures.map { picture in
        guard let token = picture.classToken else {
            fail("CoSegmentation: a picture has no class token to tell outliers by")
        }
        return token.elements
    }
    let sums = tokens[0].indices.map { channel in
        tokens.reduce(0.0) { $0 + Double($1[channel]) }
    }
    return Tensor(sums.map { Float($0 / Double(tokens.count)) }, shape: [sums.count])
}
